// Requests: whatever decodes must encode and decode to the same api again.
#include "schema/request.h"
#include "tests/fuzz/fuzz_input.h"

using namespace sedge;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes = fuzz_bytes(data, size);
    const auto decoded = decode_request(bytes);
    const auto* request = std::get_if<Request>(&decoded);
    if (request == nullptr) return 0;
    fuzz_require(request->header_bytes <= size);
    Buffer again;
    encode_request(request->correlation_id, request->body, again);
    const auto second = decode_request(again);
    fuzz_require(std::holds_alternative<Request>(second));
    fuzz_require(std::get<Request>(second).body.index() == request->body.index());
    return 0;
}
