#include "schema/compression.h"

#include <lz4frame.h>
#include <zstd.h>

#include <algorithm>
#include <cassert>
#include <memory>

namespace sedge {
namespace {

constexpr int kZstdLevel = 3;                        // zstd's own default: the knee of its curve
constexpr std::size_t kGrowBytes = 64u << 10;        // output grows in such steps, so that memory follows what really comes out

Status corrupt(const char* codec) {
    return {ErrorCode::corrupt_batch, std::string("the batch's body does not decompress as ") + codec};
}

Status too_large(std::size_t limit_bytes) {
    return {ErrorCode::record_too_large, "a batch's body decompresses to " + std::to_string(limit_bytes) + " bytes at most"};
}

// Makes room behind `used`; false beyond the limit. One byte more than the limit has room, because a decoder that fills its output
// exactly has yet to say whether that was all.
bool grow(Buffer& out, std::size_t used, std::size_t limit_bytes) {
    if (used > limit_bytes) return false;
    if (used < out.size()) return true;
    out.resize(std::min(limit_bytes + 1, out.size() + std::max(kGrowBytes, out.size() / 2)));
    return true;
}

Status unzstd(ByteView packed, std::size_t limit_bytes, Buffer& out) {
    const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(), &ZSTD_freeDCtx);
    // A window above the limit would be memory that no valid body needs.
    constexpr int kMaxWindowLog = 24;
    ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, kMaxWindowLog);
    ZSTD_inBuffer in{packed.data(), packed.size(), 0};
    std::size_t used = 0;
    for (;;) {
        if (!grow(out, used, limit_bytes)) return too_large(limit_bytes);
        ZSTD_outBuffer part{out.data() + used, out.size() - used, 0};
        const std::size_t left = ZSTD_decompressStream(context.get(), &part, &in);
        if (ZSTD_isError(left)) return corrupt("zstd");
        used += part.pos;
        if (left == 0) break;
        if (part.pos == 0 && in.pos == in.size) return corrupt("zstd");
    }
    if (used > limit_bytes) return too_large(limit_bytes);
    out.resize(used);
    return in.pos == in.size ? Status{} : corrupt("zstd");
}

Status unlz4(ByteView packed, std::size_t limit_bytes, Buffer& out) {
    LZ4F_dctx* raw = nullptr;
    if (LZ4F_isError(LZ4F_createDecompressionContext(&raw, LZ4F_VERSION))) return corrupt("lz4");
    const std::unique_ptr<LZ4F_dctx, decltype(&LZ4F_freeDecompressionContext)> context(raw, &LZ4F_freeDecompressionContext);
    std::size_t read = 0;
    std::size_t used = 0;
    for (;;) {
        if (!grow(out, used, limit_bytes)) return too_large(limit_bytes);
        std::size_t in_size = packed.size() - read;
        std::size_t out_size = out.size() - used;
        const std::size_t left =
            LZ4F_decompress(context.get(), out.data() + used, &out_size, packed.data() + read, &in_size, nullptr);
        if (LZ4F_isError(left)) return corrupt("lz4");
        read += in_size;
        used += out_size;
        if (left == 0) break;
        if (in_size == 0 && out_size == 0) return corrupt("lz4");
    }
    if (used > limit_bytes) return too_large(limit_bytes);
    out.resize(used);
    return read == packed.size() ? Status{} : corrupt("lz4");
}

}  // namespace

void compress(Codec codec, ByteView plain, Buffer& out) {
    const std::size_t before = out.size();
    if (codec == Codec::zstd) {
        out.resize(before + ZSTD_compressBound(plain.size()));
        const std::size_t size = ZSTD_compress(out.data() + before, out.size() - before, plain.data(), plain.size(), kZstdLevel);
        assert(!ZSTD_isError(size));
        out.resize(before + size);
    } else {
        assert(codec == Codec::lz4);
        out.resize(before + LZ4F_compressFrameBound(plain.size(), nullptr));
        const std::size_t size = LZ4F_compressFrame(out.data() + before, out.size() - before, plain.data(), plain.size(), nullptr);
        assert(!LZ4F_isError(size));
        out.resize(before + size);
    }
}

Status decompress(Codec codec, ByteView packed, std::size_t limit_bytes, Buffer& out) {
    out.clear();
    Status status = codec == Codec::zstd ? unzstd(packed, limit_bytes, out) : unlz4(packed, limit_bytes, out);
    if (!status.ok()) out.clear();
    return status;
}

}  // namespace sedge
