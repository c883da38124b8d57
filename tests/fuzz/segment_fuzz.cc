// A segment file with any content: scanned, walked, indexed; never beyond its end, never a crash.
#include <sys/mman.h>
#include <unistd.h>

#include "node/io/manifest.h"
#include "node/io/segment_index.h"
#include "node/io/segment_scan.h"
#include "schema/crc32c.h"
#include "schema/little_endian.h"
#include "tests/fuzz/fuzz_input.h"

using namespace sedge;

namespace {

constexpr std::size_t kPageBytes = 512;  // small, so that small inputs hold many
constexpr std::size_t kHeaderBytes = 64;

// Sets the checksums of what looks like a header right, so that the fuzzer gets past them.
Buffer with_valid_headers(ByteView bytes) {
    Buffer out(bytes.begin(), bytes.end());
    for (std::size_t at = 0; at + kHeaderBytes <= out.size(); at += 8) {
        const auto magic = load_le<std::uint32_t>(out, at);
        if (magic == 0x31564753 || magic == 0x31454753)
            store_le<std::uint32_t>(MutableBytes(out), at + 4, crc32c(ByteView(out).subspan(at + 8, kHeaderBytes - 8)));
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
    const auto scan = node::scan_segment(file, kPageBytes, 0);
    node::SegmentIndex index;
    node::EntryWalker walker(file);
    for (const node::ScannedValue& value : scan.values) {
        static_cast<void>(walker.walk(value, [&](const node::EntryHeader& entry, std::uint64_t at) {
            const ByteView header = walker.peek(at, kBatchHeaderBytes);
            if (header.empty()) return true;
            if (const auto batch = parse_batch_header(header); batch.ok())
                index.add(entry.partition, *batch, at - node::kEntryHeaderBytes, entry.stored_bytes());
            return true;
        }));
        static_cast<void>(node::value_is_intact(file, value));
    }
    for (std::uint64_t at = 0; at < size; at += kPageBytes) {
        const auto block = node::SegmentIndex::open(file, at);
        if (!block) continue;
        for (const auto& [partition, span] : block->spans())
            static_cast<void>(block->runs_from(file, partition, span.first, 100));
    }
    return 0;
}
