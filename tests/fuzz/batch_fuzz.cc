// Batches as clients send them: checked, walked, and, if they are good, good again after the leader's stamp.
#include "schema/record_batch.h"
#include "tests/fuzz/fuzz_input.h"

using namespace sedge;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes = fuzz_bytes(data, size);
    static_cast<void>(check_batch(bytes));
    // The walk does not look at checksums, so that the fuzzer gets past them.
    std::size_t records = 0;
    const Status walked = for_each_record(bytes, [&](Offset, const RecordView&) { return ++records < 100'000; });
    const auto header = read_batch_header(bytes);
    if (!header.ok()) {
        fuzz_require(!walked.ok());
        return 0;
    }
    Buffer copy(bytes.begin(), bytes.begin() + header->size_bytes);
    stamp_batch(copy, Offset{7}, 8, Epoch{9});
    fuzz_require(read_batch_header(copy).ok());
    return 0;
}
