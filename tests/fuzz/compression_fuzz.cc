// A compressed body from a stranger: byte 0 chooses the codec, the rest is the body.
#include "schema/compression.h"
#include "tests/fuzz/fuzz_input.h"

using namespace sedge;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    constexpr std::size_t kLimitBytes = 32u << 10;
    const Codec codec = data[0] % 2 == 0 ? Codec::zstd : Codec::lz4;
    Buffer plain;
    const Status status = decompress(codec, fuzz_bytes(data, size).subspan(1), kLimitBytes, plain);
    if (!status.ok()) return 0;
    fuzz_require(plain.size() <= kLimitBytes, "decompressed bytes stay within the limit");
    Buffer packed;
    compress(codec, plain, packed);
    Buffer again;
    fuzz_require(decompress(codec, packed, kLimitBytes, again).ok() && again == plain, "what was compressed comes back");
    return 0;
}
