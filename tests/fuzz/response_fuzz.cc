// Answers from a node that may lie, read as the answer to every api.
#include "schema/request.h"
#include "schema/response.h"
#include "tests/fuzz/fuzz_input.h"

using namespace sedge;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView frame = fuzz_bytes(data, size);
    const auto id = response_correlation_id(frame);
    for (std::size_t api = 0; api < std::variant_size_v<RequestBody>; ++api) {
        const auto decoded = decode_response(frame, api);
        if (!decoded.ok()) continue;
        fuzz_require(id == decoded->correlation_id, "both ways to read the id agree");
        Buffer once;
        encode_response(decoded->correlation_id, decoded->body, once);
        const auto again = decode_response(once, api);
        fuzz_require(again.ok(), "what was decoded can be encoded and decoded");
        Buffer twice;
        encode_response(again->correlation_id, again->body, twice);
        fuzz_require(once == twice, "decoding and encoding changes nothing");
    }
    fuzz_require(!decode_response(frame, std::variant_size_v<RequestBody>).ok(), "there is no such api");
    return 0;
}
