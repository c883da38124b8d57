// Checkpoints from a disk; the checksum is set right, so that the fuzzer gets past it.
#include "node/core/catalogue.h"
#include "node/core/checkpoint.h"
#include "schema/crc32c.h"
#include "schema/little_endian.h"
#include "tests/fuzz/fuzz_input.h"

using namespace sedge;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes = fuzz_bytes(data, size);
    constexpr std::size_t kCrcAt = 8, kBodyAt = 12;
    Buffer checkpoint(bytes.begin(), bytes.end());
    if (size > kBodyAt) store_le<std::uint32_t>(checkpoint, kCrcAt, crc32c(ByteView(checkpoint).subspan(kBodyAt)));
    node::Catalogue catalogue;
    if (node::decode_checkpoint(checkpoint, catalogue).ok()) {
        node::Catalogue second;
        fuzz_require(node::decode_checkpoint(node::encode_checkpoint(catalogue), second).ok());
    }
    return 0;
}
