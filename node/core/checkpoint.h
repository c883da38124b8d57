// The core's whole durable state at one point of the journal's stream, as bytes: the first entry of every segment.
//
//   "SGCK" u16 version=1 u16 0 u32 crc32c(body) body; body = msgpack [topic...], topic = [description, [partition...]],
//   partition = [start, end, last_epoch, appended_bytes, last_append_ms, marks, producers]
#pragma once

#include "node/core/catalogue.h"
#include "schema/bytes.h"
#include "schema/status.h"

namespace sedge::node {

Buffer encode_checkpoint(const Catalogue& catalogue);

// Fills an empty catalogue. storage_failed if the bytes are no checkpoint; then the catalogue is empty.
// The high watermarks are set to the ends: what a checkpoint covers is stored.
Status decode_checkpoint(ByteView bytes, Catalogue& catalogue);

}  // namespace sedge::node
