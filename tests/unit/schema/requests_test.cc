// Every request there and back; and what strangers send instead.
#include <catch2/catch.hpp>
#include <functional>

#include "schema/limits.h"
#include "tests/unit/schema/samples.h"

using namespace sedge;

namespace {

Buffer encoded(const RequestBody& body, std::uint64_t id = 1) {
    Buffer frame;
    encode_request(id, body, frame);
    return frame;
}

// A request's header with these fields, written by `fields`.
template <class Fields>
Buffer header(std::string_view api, std::uint32_t count, Fields&& fields) {
    Buffer frame;
    MsgpackWriter writer(frame);
    writer.array(4);
    writer.uint(1);
    writer.str(api);
    writer.uint(9);
    writer.map(count);
    fields(writer);
    return frame;
}

// The views of the result live in `frame`.
template <class Body>
Body accepted(const Buffer& frame) {
    auto result = decode_request(frame);
    if (const auto* error = std::get_if<RequestError>(&result)) FAIL(error->status.message);
    return std::get<Body>(std::get<Request>(result).body);
}

Status refused(const Buffer& frame) {
    auto result = decode_request(frame);
    REQUIRE(std::holds_alternative<RequestError>(result));
    REQUIRE(std::get<RequestError>(result).correlation_id == 9u);
    return std::get<RequestError>(result).status;
}

}  // namespace

TEST_CASE("every request comes back, with any body behind it", "[requests]") {
    for (const auto& [name, body] : samples::requests()) {
        INFO(name);
        Buffer frame = encoded(body, ~std::uint64_t{0});
        const Buffer alone = frame;
        frame.insert(frame.end(), 100, std::byte{0x94});
        const auto result = decode_request(frame);
        REQUIRE(std::holds_alternative<Request>(result));
        const auto& request = std::get<Request>(result);
        CHECK(request.correlation_id == ~std::uint64_t{0});
        CHECK(request.header_bytes == alone.size());
        CHECK(request.body.index() == body.index());
        CHECK(encoded(request.body, ~std::uint64_t{0}) == alone);
    }
}

TEST_CASE("every request that is cut short is refused, by its id once that is there", "[requests]") {
    for (const auto& [name, body] : samples::requests()) {
        INFO(name);
        const Buffer frame = encoded(body, 9);
        const std::size_t id_ends = 3 + api_name(body).size() + 1;  // array, version, name behind its size; then the id
        for (std::size_t size = 0; size < frame.size(); ++size) {
            const Buffer cut(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size));
            const auto result = decode_request(cut);
            REQUIRE(std::holds_alternative<RequestError>(result));
            CHECK(std::get<RequestError>(result).correlation_id.has_value() == (size >= id_ends));
            CHECK(std::get<RequestError>(result).status.code == ErrorCode::bad_request);
        }
    }
}

TEST_CASE("unknown fields of any type are skipped, wherever they stand", "[requests]") {
    const auto frame = header("produce", 5, [](MsgpackWriter& writer) {
        writer.str("colour");
        writer.array(2);
        writer.map(1);
        writer.str("deep");
        writer.real(1.5);
        writer.nil();
        writer.str("topic");
        writer.str("t");
        writer.str("");
        writer.boolean(true);
        writer.str("value");
        writer.str("text is bytes too");
        writer.str("shape");
        writer.bin(as_bytes("x"));
    });
    const auto produce = accepted<ProduceRequest>(frame);
    CHECK(produce.topic == "t");
    CHECK(as_text(*produce.value) == "text is bytes too");
    CHECK(!produce.partition);
    CHECK(produce.acks == Acks::all);
    CHECK(!produce.merge_answers);
}

TEST_CASE("fields of the wrong type are named", "[requests]") {
    struct Case {
        const char* api;
        const char* field;
        std::vector<std::function<void(MsgpackWriter&)>> values;
    };
    const auto nil = [](MsgpackWriter& w) { w.nil(); };
    const auto text = [](MsgpackWriter& w) { w.str("seven"); };
    const auto negative = [](MsgpackWriter& w) { w.sint(-1); };
    const auto huge = [](MsgpackWriter& w) { w.uint(1ull << 32); };
    const auto list = [](MsgpackWriter& w) { w.array(1), w.uint(1); };
    const std::vector<Case> cases = {
        {"produce", "topic", {nil, negative, list}},
        {"produce", "partition", {nil, text, negative, huge}},
        {"produce", "acks", {nil, text, negative, [](MsgpackWriter& w) { w.uint(2); }}},
        {"produce", "merge", {nil, text, [](MsgpackWriter& w) { w.uint(1); }}},
        {"produce", "key", {list, negative}},
        {"produce", "value", {list, negative}},
        {"produce", "timestamp_ms", {nil, text, negative}},
        {"produce", "headers", {nil, text, list, [](MsgpackWriter& w) { w.map(1), w.uint(1), w.str("x"); }, [](MsgpackWriter& w) { w.map(1), w.str("x"), w.uint(1); },
                                [](MsgpackWriter& w) { w.map(1), w.str("\xff"), w.str("x"); },
                                [](MsgpackWriter& w) { w.map(65); for (int i = 0; i < 130; ++i) w.str("x"); }}},
        {"fetch", "offset", {nil, text, negative}},
        {"fetch", "max_bytes", {nil, text, huge}},
        {"fetch", "max_wait_ms", {nil, text, huge}},
        {"fetch", "plain", {nil, text}},
        {"metadata", "topics", {nil, text, list}},
        {"create_topic", "partitions", {nil, text, huge}},
        {"create_topic", "replicas", {nil, text, huge}},
        {"create_topic", "config", {nil, text, [](MsgpackWriter& w) { w.map(1), w.str("retention"), w.uint(7); }}},
        {"alter_topic", "config", {nil, text, list}},
        {"list_offsets", "at", {nil, text, negative}},
    };
    for (const Case& each : cases) {
        for (std::size_t i = 0; i < each.values.size(); ++i) {
            INFO(each.api << " " << each.field << " " << i);
            const Status status = refused(header(each.api, 1, [&](MsgpackWriter& writer) {
                writer.str(each.field);
                each.values[i](writer);
            }));
            CHECK(status.code == ErrorCode::bad_request);
            CHECK(status.message.find(each.field) != std::string::npos);
        }
    }
}

TEST_CASE("a field's name must be a string, and fields a map", "[requests]") {
    CHECK(refused(header("hello", 1, [](MsgpackWriter& writer) { writer.uint(1), writer.uint(2); })).code == ErrorCode::bad_request);
    Buffer frame;
    MsgpackWriter writer(frame);
    writer.array(4), writer.uint(1), writer.str("hello"), writer.uint(9), writer.array(0);
    CHECK(refused(frame).code == ErrorCode::bad_request);
}

TEST_CASE("of a field that comes twice the last one counts", "[requests]") {
    const Buffer frame = header("produce", 5, [](MsgpackWriter& writer) {
        writer.str("topic"), writer.str("first");
        writer.str("topic"), writer.str("t");
        writer.str("key"), writer.str("k");
        writer.str("key"), writer.nil();
        writer.str("value"), writer.str("v");
    });
    const auto produce = accepted<ProduceRequest>(frame);
    CHECK(produce.topic == "t");
    CHECK(!produce.key);
}

TEST_CASE("apis that need a topic say so", "[requests]") {
    for (const char* api : {"produce", "fetch", "list_offsets", "create_topic", "alter_topic", "delete_topic", "describe_topic"}) {
        const Status status = refused(header(api, 0, [](MsgpackWriter&) {}));
        CHECK(status.code == ErrorCode::bad_request);
        CHECK(status.message.find("topic") != std::string::npos);
    }
}

TEST_CASE("a header above its limit is refused, and a message never repeats all that was sent", "[requests]") {
    const std::string large(limits::kMaxHeaderBytes, 'v');
    CHECK(refused(header("produce", 2, [&](MsgpackWriter& writer) {
              writer.str("topic"), writer.str("t"), writer.str("value"), writer.str(large);
          })).code == ErrorCode::record_too_large);
    CHECK(refused(header(large, 0, [](MsgpackWriter&) {})).message.size() < 200);
    const Buffer cut = header("hello", 1, [&](MsgpackWriter& writer) { writer.str(large), writer.array(2), writer.nil(); });
    CHECK(refused(cut).message.size() < 200);
}

TEST_CASE("hostile nesting and sizes end in an answer", "[requests]") {
    for (const std::byte tag : {std::byte{0x91}, std::byte{0x81}}) {
        Buffer frame = header("hello", 1, [](MsgpackWriter& writer) { writer.str("x"); });
        frame.insert(frame.end(), 1'000'000, tag);
        CHECK(refused(frame).code == ErrorCode::bad_request);
    }
    Buffer frame = header("metadata", 1, [](MsgpackWriter& writer) { writer.str("topics"), writer.array(0xFFFFFFFF); });
    CHECK(refused(frame).code == ErrorCode::bad_request);
    frame = header("metadata", 1, [](MsgpackWriter& writer) { writer.str("topics"), writer.array(limits::kMaxTopics + 1); });
    frame.insert(frame.end(), limits::kMaxTopics + 1, std::byte{0xA0});
    CHECK(refused(frame).code == ErrorCode::bad_request);
}
