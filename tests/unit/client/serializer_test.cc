#include "client/serializer.h"

#include <catch2/catch.hpp>

#include "client/serializer_json.h"
#include "client/serializer_msgpack.h"
#include "tests/unit/client/fake_broker.h"

namespace {

struct Reading {
    std::string sensor;
    double value = 0;
    std::vector<int> history;
    MSGPACK_DEFINE_MAP(sensor, value, history)
    NLOHMANN_DEFINE_TYPE_INTRUSIVE(Reading, sensor, value, history)
    bool operator==(const Reading&) const = default;
};

}  // namespace

namespace sedge {
namespace {

template <class T, class S, class D>
void there_and_back(const T& value, const S& serializer, const D& deserializer) {
    Buffer bytes;
    serializer(value, bytes);
    const auto back = deserializer(bytes);
    REQUIRE(back.ok());
    CHECK(*back == value);
}

TEST_CASE("values go to bytes and come back", "[serializer]") {
    const Reading reading{"pump-7", 21.5, {1, 2, 3}};
    there_and_back(std::string("text"), Serializer<std::string>{}, Deserializer<std::string>{});
    there_and_back(Buffer(3, std::byte{7}), Serializer<Buffer>{}, Deserializer<Buffer>{});
    there_and_back(reading, Serializer<Reading>{}, Deserializer<Reading>{});
    there_and_back(std::vector<int>{1, -2}, MsgpackSerializer<std::vector<int>>{}, MsgpackDeserializer<std::vector<int>>{});
    there_and_back(reading, JsonSerializer<Reading>{}, JsonDeserializer<Reading>{});
    there_and_back(nlohmann::json{{"a", 1}}, Serializer<nlohmann::json>{}, Deserializer<nlohmann::json>{});
}

TEST_CASE("bytes that are something else are an error", "[serializer]") {
    for (const std::string text : {"", "\xc1", "{", "\xdf\xff\xff\xff\xff", "\xdd\xff\xff\xff\xff", "7", "[1]"}) {
        CHECK_FALSE(Deserializer<Reading>{}(as_bytes(text)).ok());
        CHECK_FALSE(JsonDeserializer<Reading>{}(as_bytes(text)).ok());
    }
}

TEST_CASE("a typed producer's values are read back", "[serializer]") {
    test::FakeBroker broker;
    broker.add_topic("readings", 1);
    const ConnectOptions connect{.nodes = {broker.address()}};
    Producer producer(connect);
    TypedProducer<std::string, Reading> typed(producer);
    const Reading reading{"pump-7", 21.5, {1}};
    REQUIRE(typed.send("readings", "pump-7", reading).ok());
    REQUIRE(producer.flush(30'000).ok());
    Consumer consumer(connect);
    REQUIRE(consumer.assign_topic("readings", StartAt::beginning()).ok());
    const auto records = consumer.poll(30'000);
    REQUIRE(records.size() == 1);
    CHECK(*key_of<std::string>(records[0]) == "pump-7");
    CHECK(*value_of<Reading>(records[0]) == reading);
}

}  // namespace
}  // namespace sedge
