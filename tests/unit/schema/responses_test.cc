// Every answer there and back; and what a node that lies may answer.
#include <catch2/catch.hpp>

#include "tests/unit/schema/samples.h"

using namespace sedge;

namespace {

Buffer encoded(const ResponseBody& body, std::uint64_t id = 5) {
    Buffer frame;
    encode_response(id, body, frame);
    return frame;
}

}  // namespace

TEST_CASE("every answer comes back", "[responses]") {
    for (const auto& [name, sample] : samples::responses()) {
        INFO(name);
        const Buffer frame = encoded(sample.body, 1ull << 50);
        CHECK(response_correlation_id(frame) == 1ull << 50);
        const auto response = decode_response(frame, sample.request_index);
        REQUIRE(response.ok());
        CHECK(response->correlation_id == 1ull << 50);
        CHECK(response->body.index() == sample.body.index());
        CHECK(encoded(response->body, 1ull << 50) == frame);
    }
}

TEST_CASE("an answer that is cut short does not parse", "[responses]") {
    for (const auto& [name, sample] : samples::responses()) {
        INFO(name);
        const Buffer frame = encoded(sample.body);
        for (std::size_t size = 0; size < frame.size(); ++size) {
            const auto response = decode_response(ByteView(frame).first(size), sample.request_index);
            REQUIRE(!response.ok());
            REQUIRE(response.status().code == ErrorCode::bad_request);
        }
    }
}

TEST_CASE("every error comes back as an answer to every api", "[responses]") {
    for (int code = 1; code <= static_cast<int>(ErrorCode::unreachable); ++code) {
        const Status status{static_cast<ErrorCode>(code), "what to do"};
        const Buffer frame = encoded(ErrorResponse{status, {}, {}, {}});
        for (std::size_t index = 0; index < std::variant_size_v<RequestBody>; ++index) {
            const auto response = decode_response(frame, index);
            REQUIRE(response.ok());
            CHECK(std::get<ErrorResponse>(response->body).status == status);
        }
    }
}

TEST_CASE("an error that is not known is final and keeps its name", "[responses]") {
    Buffer frame;
    MsgpackWriter writer(frame);
    writer.array(4), writer.uint(1), writer.uint(5), writer.str("quota_exceeded"), writer.map(2);
    writer.str("message"), writer.str("wait"), writer.str("new_field"), writer.array(0);
    const auto response = decode_response(frame, 0);
    REQUIRE(response.ok());
    const Status& status = std::get<ErrorResponse>(response->body).status;
    CHECK(!is_retriable(status.code));
    CHECK(status.message == "quota_exceeded: wait");
}

TEST_CASE("new fields of an answer are skipped", "[responses]") {
    Buffer frame;
    MsgpackWriter writer(frame);
    writer.array(4), writer.uint(1), writer.uint(5), writer.str("ok"), writer.map(2);
    writer.str("new_field"), writer.map(1), writer.str("x"), writer.nil();
    writer.str("offset"), writer.uint(7);
    const auto response = decode_response(frame, RequestBody(ListOffsetsRequest{}).index());
    REQUIRE(response.ok());
    CHECK(std::get<ListOffsetsResponse>(response->body).offset == Offset{7});
}

TEST_CASE("what is not an answer of this version is none", "[responses]") {
    const Buffer frame = encoded(ListOffsetsResponse{Offset{7}});
    CHECK(!decode_response(frame, std::variant_size_v<RequestBody>).ok());
    Buffer other_version = frame;
    other_version[1] = std::byte{2};
    CHECK(!response_correlation_id(other_version));
    CHECK(!decode_response(other_version, 0).ok());
    CHECK(!response_correlation_id({}));
    CHECK(!response_correlation_id(Buffer(4, std::byte{0xC1})));
}

TEST_CASE("texts of errors are plain, whatever they quote", "[responses]") {
    const auto response = decode_response(encoded(ErrorResponse{{ErrorCode::unknown_topic, "topic '\xff\n\x1b[2J'"}, {}, {}, {}}), 0);
    REQUIRE(response.ok());
    CHECK(std::get<ErrorResponse>(response->body).status.message == "topic '???[2J'");
}

TEST_CASE("a node that lies about sizes gets no memory for it", "[responses]") {
    for (const char* field : {"nodes", "topics", "unknown"}) {
        Buffer frame;
        MsgpackWriter writer(frame);
        writer.array(4), writer.uint(1), writer.uint(5), writer.str("ok"), writer.map(1);
        writer.str(field), writer.array(0xFFFFFFFF);
        CHECK(!decode_response(frame, RequestBody(MetadataRequest{}).index()).ok());
    }
}
