// The core's whole durable state at one point of the journal's stream, as bytes: the first entry of every segment.
//
//   "SGCK" u16 version=1 u16 0 u32 crc32c(body) body; body = msgpack [topic...], topic = [description, [partition...]],
//   partition = [start, end, last_epoch, log_id, retention, producers]; log_id is 0 until logs are replicated
//   retention = [open_since_ms, base, bytes, newest_ms, ...]: a piece is three integers, base and newest_ms counted from the piece before
//   producers = [passed_ms, last_append_ms, producer...], the one idle for the longest first
//   producer  = [id, epoch, last_used_ms, base_sequence, count, base_offset, ...]
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
