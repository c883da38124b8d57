// A request's first frame from a stranger.
#include "schema/limits.h"
#include "schema/request.h"
#include "tests/fuzz/fuzz_input.h"

using namespace sedge;

namespace {

bool inside(std::string_view part, ByteView whole) {
    const ByteView bytes = as_bytes(part);
    return bytes.data() >= whole.data() && bytes.data() + bytes.size() <= whole.data() + whole.size();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView frame = fuzz_bytes(data, size);
    const auto decoded = decode_request(frame);
    if (const auto* error = std::get_if<RequestError>(&decoded)) {
        fuzz_require(!error->status.ok() && !error->status.message.empty(), "an error says what was wrong");
        fuzz_require(error->status.message.size() < 1024, "an error does not repeat all that was sent");
        return 0;
    }
    const auto& request = std::get<Request>(decoded);
    fuzz_require(request.header_bytes <= size && request.header_bytes <= limits::kMaxHeaderBytes, "a header ends within its frame");
    if (const auto* produce = std::get_if<ProduceRequest>(&request.body))
        fuzz_require(inside(produce->topic, frame), "views point into the frame");

    Buffer once;
    encode_request(request.correlation_id, request.body, once);
    const auto again = decode_request(once);
    fuzz_require(std::holds_alternative<Request>(again), "what was decoded can be encoded and decoded");
    Buffer twice;
    encode_request(request.correlation_id, std::get<Request>(again).body, twice);
    fuzz_require(once == twice, "decoding and encoding changes nothing");
    fuzz_require(std::get<Request>(again).header_bytes == once.size(), "the header is all that was encoded");
    return 0;
}
