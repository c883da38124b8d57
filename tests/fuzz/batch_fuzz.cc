// A batch from a stranger: as it stands, and with its checksums put right so that what lies behind them is reached.
#include "schema/crc32c.h"
#include "schema/limits.h"
#include "schema/little_endian.h"
#include "schema/record_batch.h"
#include "tests/fuzz/fuzz_input.h"

using namespace sedge;

namespace {

// What is read from a batch, built again, must read the same.
void rebuild(ByteView batch) {
    BatchBuilder builder;
    std::size_t bytes = 0;
    const Status status = for_each_record(batch, [&](Offset, const RecordView& record) {
        builder.add(record.timestamp_ms, record.key, record.value, record.headers);
        bytes += 1 + (record.key ? record.key->size() : 0) + (record.value ? record.value->size() : 0);
        return true;
    });
    fuzz_require(bytes <= limits::kMaxDecompressedBytes, "records are no larger than the body may be");
    if (!status.ok() || builder.size_bytes() > limits::kMaxBatchBytes) return;
    const Buffer again = builder.finish();
    fuzz_require(check_batch(again).ok(), "a built batch is valid");
    BatchBuilder second;
    fuzz_require(for_each_record(again, [&](Offset, const RecordView& record) {
                second.add(record.timestamp_ms, record.key, record.value, record.headers);
                return true;
            }).ok(), "a built batch can be read");
    fuzz_require(second.finish() == again, "a batch that was read and built again is the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView input = fuzz_bytes(data, size);
    const auto header = read_batch_header(input);
    if (header.ok()) fuzz_require(header->size_bytes <= size && header->count > 0, "a header's batch lies within its bytes");
    fuzz_require(header.ok() || !check_batch(input).ok(), "a batch without a valid header is not valid");
    fuzz_require(check_batch(input).ok() || !check_appended_batch(input).ok(), "an appended batch is a batch");
    (void)for_each_record(input, [](Offset, const RecordView&) { return true; });

    if (size <= kBatchHeaderBytes) return 0;
    Buffer mended(input.begin(), input.end());
    store_le(MutableBytes(mended), 0, static_cast<std::uint32_t>(size));
    store_le(MutableBytes(mended), 4, crc32c(ByteView(mended).subspan(32)));
    stamp_batch(mended, Offset{1}, 2, Epoch{3});
    if (!read_batch_header(mended).ok()) return 0;
    fuzz_require(check_appended_batch(mended).ok(), "right checksums are accepted");
    rebuild(mended);
    return 0;
}
