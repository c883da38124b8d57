// A segment file with any content: scanned, walked, indexed; never beyond its end, never a crash.
#include <sys/mman.h>
#include <unistd.h>

#include <span>

#include "node/io/manifest.h"
#include "node/io/segment_index.h"
#include "node/io/segment_rebuild.h"
#include "node/io/segment_scan.h"
#include "schema/crc32c.h"
#include "schema/little_endian.h"
#include "tests/fuzz/fuzz_input.h"

using namespace sedge;

namespace {

constexpr std::size_t kPageBytes = 512;  // small, so that small inputs hold many
constexpr std::size_t kHeaderBytes = 64;

// The nonce of the segment that the input is taken for. Headers of entries cover it.
constexpr std::uint64_t kNonce = 77;

// Sets the checksums of what looks like a header right, so that the fuzzer gets past them.
Buffer with_valid_headers(ByteView bytes) {
    constexpr std::uint32_t kValueMagic = 0x31564753, kEntryMagic = 0x31454753;
    const std::uint32_t nonce_crc = crc32c(std::as_bytes(std::span(&kNonce, 1)));
    Buffer out(bytes.begin(), bytes.end());
    for (std::size_t at = 0; at + kHeaderBytes <= out.size(); at += 8) {
        const auto magic = load_le<std::uint32_t>(out, at);
        if (magic != kValueMagic && magic != kEntryMagic) continue;
        const std::uint32_t before = magic == kEntryMagic ? nonce_crc : 0;
        store_le<std::uint32_t>(MutableBytes(out), at + 4, crc32c(ByteView(out).subspan(at + 8, kHeaderBytes - 8), before));
    }
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes = fuzz_bytes(data, size);
    static_cast<void>(node::decode_manifest(as_text(bytes)));
    node::File file(::memfd_create("segment", MFD_CLOEXEC));
    if (!file.is_open() || size > (1u << 20)) return 0;
    fuzz_require(file.write_at(0, with_valid_headers(bytes)) == 0);
    const auto scan = node::scan_segment(file, kPageBytes, 1, kNonce);
    for (const node::ScannedValue& value : scan.values) static_cast<void>(node::value_is_intact(file, value));
    const auto rebuilt = node::rebuild_index(file, scan.values);
    const auto again = node::SegmentIndex::in_memory(rebuilt.index.encode(kNonce), kNonce);
    fuzz_require(again != nullptr);
    // A value may say that it is huge: no index may point behind the bytes that were found.
    for (const node::IndexSpan& span : again->spans()) {
        const auto runs = again->runs_from(file, span.partition, span.first, SIZE_MAX);
        fuzz_require(runs.outcome == node::SegmentIndex::Outcome::good && runs.runs.size() <= span.runs);
    }
    for (std::uint64_t at = 0; at < size; at += kPageBytes) {
        const auto block = node::SegmentIndex::open(file, at, kNonce);
        if (!block) continue;
        for (const node::IndexSpan& span : block->spans())
            static_cast<void>(block->runs_from(file, span.partition, span.first, 100));
    }
    return 0;
}
