#include "client/consumer.h"

#include <catch2/catch.hpp>
#include <chrono>

#include "client/producer.h"
#include "tests/unit/client/fake_broker.h"

namespace sedge {
namespace {

constexpr std::uint32_t kLongMs = 30'000;

ConnectOptions to(const test::FakeBroker& broker, std::uint32_t request_timeout_ms = 2'000) {
    ConnectOptions options;
    options.nodes = {broker.address()};
    options.request_timeout_ms = request_timeout_ms;
    options.reconnect_max_ms = 50;
    return options;
}

ConsumerOptions small_fetches() {
    ConsumerOptions options;
    options.fetch_bytes = 2'048;
    options.max_wait_ms = 200;
    return options;
}

std::vector<std::string> fill(test::FakeBroker& broker, int batches, int records_each = 10) {
    std::vector<std::string> all;
    for (int i = 0; i < batches; ++i) {
        std::vector<std::string> values;
        for (int j = 0; j < records_each; ++j) values.push_back("record " + std::to_string(all.size() + values.size()));
        broker.append("t", values);
        all.insert(all.end(), values.begin(), values.end());
    }
    return all;
}

// Polls until `count` records are there or problems came; checks that offsets run on.
struct Reading {
    std::vector<std::string> values;
    std::vector<ConsumerProblem> problems;
    std::optional<Offset> last;

    void take(const Records& records) {
        for (const auto& record : records) {
            values.emplace_back(as_text(*record.value));
            if (last) CHECK(record.offset > *last);
            last = record.offset;
        }
        problems.insert(problems.end(), records.problems().begin(), records.problems().end());
    }
    void read_at_least(Consumer& consumer, std::size_t count) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kLongMs);
        while (values.size() < count && std::chrono::steady_clock::now() < deadline) take(consumer.poll(100));
        REQUIRE(values.size() >= count);
    }
    void read(Consumer& consumer, std::size_t count) {
        read_at_least(consumer, count);
        REQUIRE(values.size() == count);
    }
};

TEST_CASE("records come in order, each once", "[consumer]") {
    test::FakeBroker broker;
    broker.add_topic("t", 1);
    const auto all = fill(broker, 300);
    Consumer consumer(to(broker), small_fetches());
    REQUIRE(consumer.assign_topic("t", StartAt::beginning()).ok());
    Reading reading;
    reading.read(consumer, all.size());
    CHECK(reading.values == all);
    CHECK(reading.problems.empty());
    CHECK(consumer.position("t", PartitionIndex{0}) == Offset{3'000});
    // And what is appended later.
    broker.append("t", {"late"});
    reading.read(consumer, all.size() + 1);
    CHECK(reading.values.back() == "late");
}

TEST_CASE("reading begins where it was told to", "[consumer]") {
    test::FakeBroker broker;
    broker.add_topic("t", 1);
    const auto all = fill(broker, 5);
    Consumer consumer(to(broker), small_fetches());
    Reading reading;
    SECTION("in the middle of a batch") {
        REQUIRE(consumer.assign_topic("t", StartAt::offset(Offset{17})).ok());
        reading.read(consumer, 33);
        CHECK(reading.values.front() == "record 17");
    }
    SECTION("the last ones") {
        REQUIRE(consumer.assign_topic("t", StartAt::before_end(3)).ok());
        reading.read(consumer, 3);
        CHECK(reading.values.front() == "record 47");
    }
    SECTION("more than there are") {
        REQUIRE(consumer.assign_topic("t", StartAt::before_end(300)).ok());
        reading.read(consumer, 50);
        CHECK(reading.values == all);
    }
    SECTION("at the end") {
        REQUIRE(consumer.assign_topic("t", StartAt::end()).ok());
        broker.append("t", {"new"});
        reading.read(consumer, 1);
        CHECK(reading.values.front() == "new");
    }
    SECTION("again elsewhere") {
        REQUIRE(consumer.assign_topic("t", StartAt::beginning()).ok());
        reading.read(consumer, 50);
        reading.last.reset();
        REQUIRE(consumer.assign_topic("t", StartAt::offset(Offset{40})).ok());
        reading.read(consumer, 60);
        CHECK(reading.values.back() == "record 49");
    }
}

TEST_CASE("restarts of the node neither skip nor repeat", "[consumer]") {
    test::FakeBroker broker;
    broker.add_topic("t", 1);
    Consumer consumer(to(broker), small_fetches());
    REQUIRE(consumer.assign_topic("t", StartAt::beginning()).ok());
    Reading reading;
    std::vector<std::string> all;
    for (int round = 0; round < 5; ++round) {
        for (int i = 0; i < 100; ++i) {
            all.push_back("record " + std::to_string(all.size()));
            broker.append("t", {all.back()});
        }
        reading.read_at_least(consumer, all.size() - 50 + static_cast<std::size_t>(round) * 10);
        broker.restart();
    }
    reading.read(consumer, all.size());
    CHECK(reading.values == all);
    CHECK(reading.problems.empty());
}

TEST_CASE("a batch damaged on its way is fetched again", "[consumer]") {
    test::FakeBroker broker;
    broker.add_topic("t", 1);
    const auto all = fill(broker, 50);
    broker.corrupt_fetches = 2;
    Consumer consumer(to(broker), small_fetches());
    REQUIRE(consumer.assign_topic("t", StartAt::beginning()).ok());
    Reading reading;
    reading.read(consumer, all.size());
    CHECK(reading.values == all);
    CHECK(reading.problems.empty());
}

TEST_CASE("damaged records are reported and passed", "[consumer]") {
    test::FakeBroker broker;
    broker.add_topic("t", 1);
    fill(broker, 10);
    broker.damage("t", Offset{20}, Offset{40});
    Consumer consumer(to(broker), small_fetches());
    REQUIRE(consumer.assign_topic("t", StartAt::beginning()).ok());
    Reading reading;
    reading.read(consumer, 80);
    REQUIRE(reading.problems.size() == 1);
    CHECK(reading.problems[0].topic == "t");
    CHECK(reading.problems[0].from == Offset{20});
    CHECK(reading.problems[0].to == Offset{40});
}

TEST_CASE("an unknown topic is told by assign, a deleted one by poll", "[consumer]") {
    test::FakeBroker broker;
    Consumer consumer(to(broker), small_fetches());
    CHECK(consumer.assign_topic("nowhere", StartAt::beginning()).code == ErrorCode::unknown_topic);
    REQUIRE(consumer.assign({{"nowhere", PartitionIndex{0}, StartAt::offset(Offset{0})}}).ok());
    const auto records = consumer.poll(kLongMs);
    REQUIRE(records.problems().size() == 1);
    CHECK(records.problems()[0].stopped);
    CHECK(records.problems()[0].status.code == ErrorCode::unknown_topic);
}

TEST_CASE("a slow reader bounds what is fetched ahead", "[consumer]") {
    test::FakeBroker broker;
    broker.add_topic("t", 1);
    const auto all = fill(broker, 500);
    auto options = small_fetches();
    options.buffer_bytes = 8'192;
    Consumer consumer(to(broker), options);
    REQUIRE(consumer.assign_topic("t", StartAt::beginning()).ok());
    Reading reading;
    reading.take(consumer.poll(kLongMs));
    CHECK(broker.fetches() <= 20);
    reading.read(consumer, all.size());
    CHECK(reading.values == all);
}

TEST_CASE("every partition is read, compressed batches too, and records outlive the poll", "[consumer]") {
    test::FakeBroker broker;
    broker.add_topic("t", 20);
    ProducerOptions produce;
    produce.codec = Codec::zstd;
    Producer producer(to(broker), produce);
    for (int i = 0; i < 2'000; ++i) {
        const auto key = std::to_string(i);
        REQUIRE(producer.send({.topic = "t", .key = as_bytes(key), .value = as_bytes("value of " + key), .headers = {{"h", as_bytes("x")}}}).ok());
    }
    REQUIRE(producer.flush(kLongMs).ok());
    Consumer consumer(to(broker), small_fetches());
    REQUIRE(consumer.assign_topic("t", StartAt::beginning()).ok());
    std::vector<Records> kept;
    std::size_t count = 0;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kLongMs);
    while (count < 2'000 && std::chrono::steady_clock::now() < deadline) {
        kept.push_back(consumer.poll(100));
        count += kept.back().size();
    }
    CHECK(count == 2'000);
    for (const auto& records : kept)
        for (const auto& record : records) {
            CHECK(as_text(*record.value) == "value of " + std::string(as_text(*record.key)));
            REQUIRE(record.headers.size() == 1);
            CHECK(record.headers[0].name == "h");
        }
}

TEST_CASE("trouble can be asked for while it is retried", "[consumer]") {
    test::FakeBroker broker;
    broker.add_topic("t", 1);
    auto connect = to(broker);
    connect.connect_timeout_ms = 100;
    Consumer consumer(connect, small_fetches());
    REQUIRE(consumer.assign_topic("t", StartAt::beginning()).ok());
    CHECK(consumer.trouble().status.ok());
    broker.stop();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kLongMs);
    while (consumer.trouble().status.ok() && std::chrono::steady_clock::now() < deadline) CHECK(consumer.poll(10).empty());
    CHECK(consumer.trouble().status.code == ErrorCode::unreachable);
    broker.append("t", {"x"});
    broker.start();
    Reading reading;
    reading.read(consumer, 1);
    CHECK(consumer.trouble().status.ok());
}

}  // namespace
}  // namespace sedge
