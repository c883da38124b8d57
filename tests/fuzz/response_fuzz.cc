// Answers, read as the answer to every api.
#include "schema/request.h"
#include "schema/response.h"
#include "tests/fuzz/fuzz_input.h"

using namespace sedge;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes = fuzz_bytes(data, size);
    static_cast<void>(response_correlation_id(bytes));
    for (std::size_t api = 0; api < std::variant_size_v<RequestBody>; ++api) {
        const auto response = decode_response(bytes, api);
        if (!response.ok()) continue;
        Buffer again;
        encode_response(response->correlation_id, response->body, again);
        fuzz_require(decode_response(again, api).ok());
    }
    return 0;
}
