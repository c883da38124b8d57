#include <catch2/catch.hpp>

#include "schema/msgpack.h"
#include "schema/request.h"
#include "schema/response.h"

using namespace sedge;

namespace {

Request decoded(const Buffer& frame) {
    auto result = decode_request(frame);
    REQUIRE(std::holds_alternative<Request>(result));
    return std::get<Request>(result);
}

RequestError refused(const Buffer& frame) {
    auto result = decode_request(frame);
    REQUIRE(std::holds_alternative<RequestError>(result));
    return std::get<RequestError>(result);
}

}  // namespace

TEST_CASE("a produce request comes back with its body behind it", "[messages]") {
    ProduceRequest produce;
    produce.topic = "t";
    produce.partition = PartitionIndex{3};
    produce.acks = Acks::leader;
    produce.merge_answers = true;
    produce.key = as_bytes("k");
    produce.value = as_bytes("v");
    produce.timestamp_ms = 77;
    Buffer frame;
    encode_request(12, produce, frame);
    const std::size_t header_bytes = frame.size();
    frame.push_back(std::byte{1});
    const Request request = decoded(frame);
    CHECK(request.correlation_id == 12);
    CHECK(request.header_bytes == header_bytes);
    const auto& back = std::get<ProduceRequest>(request.body);
    CHECK(back.topic == "t");
    CHECK(back.partition == PartitionIndex{3});
    CHECK(back.acks == Acks::leader);
    CHECK(back.merge_answers);
    CHECK(as_text(*back.key) == "k");
    CHECK(as_text(*back.value) == "v");
    CHECK(back.timestamp_ms == 77u);
}

TEST_CASE("requests that are cut short are refused, never misread", "[messages]") {
    Buffer frame;
    encode_request(1, FetchRequest{"topic", PartitionIndex{1}, Offset{5}, 100, 200, true}, frame);
    CHECK(std::get<FetchRequest>(decoded(frame).body).max_wait_ms == 200);
    for (std::size_t size = 0; size < frame.size(); ++size) {
        auto result = decode_request(ByteView(frame).first(size));
        REQUIRE(std::holds_alternative<RequestError>(result));
    }
}

TEST_CASE("what cannot be understood is answered by its id, if that could be read", "[messages]") {
    const auto request = [](std::uint64_t version, std::string_view api) {
        Buffer frame;
        MsgpackWriter writer(frame);
        writer.array(4);
        writer.uint(version);
        writer.str(api);
        writer.uint(9);
        writer.map(0);
        return frame;
    };
    CHECK(refused(request(1, "nonsense")).status.code == ErrorCode::unknown_api);
    CHECK(refused(request(1, "nonsense")).correlation_id == 9u);
    CHECK(refused(request(2, "fetch")).status.code == ErrorCode::unsupported_version);
    CHECK(refused(request(1, "fetch")).status.code == ErrorCode::bad_request);  // no topic
    CHECK(std::holds_alternative<HelloRequest>(decoded(request(99, "hello")).body));
    CHECK(!refused(Buffer{std::byte{0x93}}).correlation_id);
}

TEST_CASE("answers come back", "[messages]") {
    Buffer frame;
    encode_response(5, ProduceResponse{PartitionIndex{2}, Offset{1000}, 1, 40, false}, frame);
    CHECK(response_correlation_id(frame) == 5u);
    const std::size_t produce_index = RequestBody(ProduceRequest{}).index();
    const auto response = decode_response(frame, produce_index);
    REQUIRE(response.ok());
    CHECK(std::get<ProduceResponse>(response->body).count == 40);
    CHECK(std::get<ProduceResponse>(response->body).offset == Offset{1000});

    Buffer error;
    encode_response(6, ErrorResponse{{ErrorCode::damaged, "quarantined"}, Offset{70}, {}, {}}, error);
    const auto failure = decode_response(error, produce_index);
    REQUIRE(failure.ok());
    CHECK(std::get<ErrorResponse>(failure->body).status == Status{ErrorCode::damaged, "quarantined"});
    CHECK(std::get<ErrorResponse>(failure->body).next_offset == Offset{70});
}

TEST_CASE("topic names", "[messages]") {
    CHECK(check_topic_name("plant.line-1_temp").ok());
    for (const std::string& name : {std::string(), std::string("."), std::string(".."), std::string("a b"), std::string("a/b"), std::string(250, 'a')})
        CHECK(check_topic_name(name).code == ErrorCode::invalid_topic_name);
}
