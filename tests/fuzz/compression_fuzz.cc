// Compressed bodies: the first byte chooses the codec; memory stays within the limit.
#include "schema/compression.h"
#include "tests/fuzz/fuzz_input.h"

using namespace sedge;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes = fuzz_bytes(data, size);
    if (size == 0) return 0;
    constexpr std::size_t kLimitBytes = 1u << 20;
    Buffer out;
    static_cast<void>(decompress(data[0] % 2 == 0 ? Codec::zstd : Codec::lz4, bytes.subspan(1), kLimitBytes, out));
    fuzz_require(out.size() <= kLimitBytes);
    return 0;
}
