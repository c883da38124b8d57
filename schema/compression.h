// Compression of batch bodies: zstd, and the lz4 frame format. Thread-safe.
#pragma once

#include "schema/bytes.h"
#include "schema/record_batch.h"

namespace sedge {

// Appends `plain`, compressed, to `out`. `codec` must not be none.
void compress(Codec codec, ByteView plain, Buffer& out);

// Replaces `out` by the decompressed bytes. corrupt_batch if `packed` is not exactly one frame of that codec, record_too_large if more
// than `limit_bytes` come out of it; memory stays within the limit whatever the input claims.
Status decompress(Codec codec, ByteView packed, std::size_t limit_bytes, Buffer& out);

}  // namespace sedge
