#include "client/producer.h"

#include <catch2/catch.hpp>
#include <condition_variable>

#include "tests/unit/client/fake_broker.h"

namespace sedge {
namespace {

constexpr std::uint32_t kLongMs = 60'000;

ConnectOptions to(const test::FakeBroker& broker, std::uint32_t request_timeout_ms = 2'000) {
    ConnectOptions options;
    options.nodes = {broker.address()};
    options.request_timeout_ms = request_timeout_ms;
    options.reconnect_max_ms = 50;
    return options;
}

ProducerOptions small_batches() {
    ProducerOptions options;
    options.linger_ms = 1;
    options.batch_bytes = 1'024;
    return options;
}

std::vector<std::string> numbers(int count) {
    std::vector<std::string> out;
    for (int i = 0; i < count; ++i) out.push_back("number " + std::to_string(i));
    return out;
}

void send_all(Producer& producer, const std::vector<std::string>& values) {
    for (const auto& value : values) REQUIRE(producer.send({.topic = "t", .value = as_bytes(value)}).ok());
}

TEST_CASE("records are acknowledged with their offsets", "[producer]") {
    test::FakeBroker broker;
    broker.add_topic("t", 1);
    Producer producer(to(broker), small_batches());
    auto first = producer.submit({.topic = "t", .key = as_bytes("k"), .value = as_bytes("one"), .tag = 11});
    auto second = producer.submit({.topic = "t", .value = as_bytes("two"), .tag = 12});
    const auto one = first.get();
    const auto two = second.get();
    CHECK(one.status.ok());
    CHECK(one.offset == Offset{0});
    CHECK(one.tag == 11);
    CHECK(two.offset == Offset{1});
    CHECK(two.topic == "t");
    CHECK(broker.values("t") == std::vector<std::string>{"one", "two"});
    CHECK(producer.flush(kLongMs).ok());
    CHECK(producer.stats().acknowledged == 2);
}

TEST_CASE("without acknowledgements records are done when the node has read them", "[producer]") {
    test::FakeBroker broker;
    broker.add_topic("t", 1);
    auto options = small_batches();
    options.acks = Acks::none;
    Producer producer(to(broker), options);
    const auto values = numbers(500);
    send_all(producer, values);
    REQUIRE(producer.flush(kLongMs).ok());
    CHECK(broker.values("t") == values);

    broker.ignore_produces = 1;  // refused or lost without a word: no obstacle for what follows
    send_all(producer, {"gone"});
    REQUIRE(producer.flush(kLongMs).ok());
    send_all(producer, {"there"});
    REQUIRE(producer.flush(kLongMs).ok());
    CHECK(broker.values("t").size() == values.size() + 1);
    CHECK(broker.values("t").back() == "there");
    CHECK(producer.stats().batches_retried == 0);
}

TEST_CASE("lost answers store nothing twice and keep the order", "[producer]") {
    test::FakeBroker broker;
    broker.add_topic("t", 1);
    Producer producer(to(broker, 300), small_batches());
    broker.lose_produce_answers = 3;
    broker.refuse_produces = 2;
    const auto values = numbers(500);
    send_all(producer, values);
    REQUIRE(producer.flush(kLongMs).ok());
    CHECK(broker.values("t") == values);
    CHECK(broker.duplicates() > 0);
    CHECK(producer.stats().failed == 0);
}

TEST_CASE("requests that vanish are sent again in order", "[producer]") {
    test::FakeBroker broker;
    broker.add_topic("t", 1);
    Producer producer(to(broker, 300), small_batches());
    broker.ignore_produces = 2;
    const auto values = numbers(500);
    send_all(producer, values);
    REQUIRE(producer.flush(kLongMs).ok());
    CHECK(broker.values("t") == values);
}

TEST_CASE("restarts of the node lose and double nothing", "[producer]") {
    test::FakeBroker broker;
    broker.add_topic("t", 1);
    Producer producer(to(broker), small_batches());
    const auto values = numbers(3'000);
    for (std::size_t i = 0; i < values.size(); ++i) {
        REQUIRE(producer.send({.topic = "t", .value = as_bytes(values[i])}).ok());
        if (i % 600 == 599) broker.restart();
    }
    REQUIRE(producer.flush(kLongMs).ok());
    CHECK(broker.values("t") == values);
    CHECK(producer.stats().failed == 0);
}

TEST_CASE("a producer that the node forgot goes on", "[producer]") {
    test::FakeBroker broker;
    broker.add_topic("t", 1);
    Producer producer(to(broker), small_batches());
    const auto values = numbers(200);
    send_all(producer, {values.begin(), values.begin() + 100});
    REQUIRE(producer.flush(kLongMs).ok());
    broker.forget_producers();
    send_all(producer, {values.begin() + 100, values.end()});
    REQUIRE(producer.flush(kLongMs).ok());
    CHECK(broker.values("t") == values);
    CHECK(producer.stats().failed == 0);
}

TEST_CASE("what is never acknowledged is reported failed, once each", "[producer]") {
    test::FakeBroker broker;
    broker.add_topic("t", 1);
    auto options = small_batches();
    options.delivery_timeout_ms = 500;
    Producer producer(to(broker, 200), options);
    REQUIRE(producer.submit({.topic = "t", .value = as_bytes("first")}).get().status.ok());
    broker.stop();
    std::atomic<int> failed{0};
    for (int i = 0; i < 100; ++i)
        REQUIRE(producer.send({.topic = "t", .value = as_bytes("lost")}, [&](const Delivery& delivery) { failed += delivery.status.ok() ? 0 : 1; })
                    .ok());
    REQUIRE(producer.flush(kLongMs).ok());
    CHECK(failed == 100);
    const auto stats = producer.stats();
    CHECK(stats.failed == 100);
    CHECK(stats.acknowledged == 1);
    CHECK(stats.buffered_bytes == 0);
}

TEST_CASE("a full buffer refuses or waits", "[producer]") {
    test::FakeBroker broker;
    broker.add_topic("t", 1);
    auto options = small_batches();
    options.buffer_bytes = 4'096;
    const std::string value(500, 'x');
    SECTION("refuses") {
        options.when_full = ProducerOptions::WhenFull::refuse;
        Producer producer(to(broker), options);
        REQUIRE(producer.submit({.topic = "t", .value = as_bytes(value)}).get().status.ok());
        broker.hold = true;
        Status status;
        for (int i = 0; i < 100 && status.ok(); ++i) status = producer.send({.topic = "t", .value = as_bytes(value)});
        CHECK(status.code == ErrorCode::busy);
        CHECK(producer.stats().buffered_bytes <= options.buffer_bytes);
        broker.hold = false;
        CHECK(producer.flush(kLongMs).ok());
    }
    SECTION("waits") {
        Producer producer(to(broker), options);
        for (int i = 0; i < 100; ++i) REQUIRE(producer.send({.topic = "t", .value = as_bytes(value)}).ok());
        REQUIRE(producer.flush(kLongMs).ok());
        CHECK(broker.values("t").size() == 100);
    }
}

TEST_CASE("what makes no sense is refused at once", "[producer]") {
    test::FakeBroker broker;
    broker.add_topic("t", 2, GENERATE("2048", "2KB"));
    Producer producer(to(broker));
    CHECK(producer.send({.topic = "nowhere", .value = as_bytes("x")}).code == ErrorCode::unknown_topic);
    CHECK(producer.send({.topic = "no/name", .value = as_bytes("x")}).code == ErrorCode::invalid_topic_name);
    CHECK(producer.send({.topic = "t", .value = as_bytes(std::string(4'000, 'x'))}).code == ErrorCode::record_too_large);
    CHECK(producer.send({.topic = "t", .value = as_bytes("x"), .partition = PartitionIndex{2}}).code == ErrorCode::unknown_partition);
    CHECK(producer.stats().accepted == 0);
}

TEST_CASE("keys choose partitions, and batches of other sizes fill the rest", "[producer]") {
    test::FakeBroker broker;
    broker.add_topic("t", 4);
    Producer producer(to(broker), small_batches());
    auto first = producer.submit({.topic = "t", .key = as_bytes("pump"), .value = as_bytes("1")});
    auto second = producer.submit({.topic = "t", .key = as_bytes("pump"), .value = as_bytes("2")});
    CHECK(first.get().partition == second.get().partition);
    for (int i = 0; i < 400; ++i) REQUIRE(producer.send({.topic = "t", .value = as_bytes("no key at all")}).ok());
    REQUIRE(producer.flush(kLongMs).ok());
    for (std::uint32_t partition = 0; partition < 4; ++partition) CHECK(broker.values("t", partition).size() >= 20);
}

TEST_CASE("compressed batches arrive", "[producer]") {
    test::FakeBroker broker;
    broker.add_topic("t", 1);
    const auto codec = GENERATE(Codec::zstd, Codec::lz4);
    auto options = small_batches();
    options.codec = codec;
    options.batch_bytes = 16'384;
    Producer producer(to(broker), options);
    const auto values = numbers(2'000);
    send_all(producer, values);
    REQUIRE(producer.flush(kLongMs).ok());
    CHECK(broker.values("t") == values);
}

TEST_CASE("closing a producer reports what is open", "[producer]") {
    test::FakeBroker broker;
    broker.add_topic("t", 1);
    std::future<Delivery> answer;
    {
        Producer producer(to(broker), small_batches());
        REQUIRE(producer.submit({.topic = "t", .value = as_bytes("first")}).get().status.ok());
        broker.hold = true;
        answer = producer.submit({.topic = "t", .value = as_bytes("second")});
    }
    CHECK(answer.get().status.code == ErrorCode::shutting_down);
}

}  // namespace
}  // namespace sedge
