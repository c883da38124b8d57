#include <set>

#include "tests/unit/core/broker_shell.h"
#include "schema/crc32c.h"
#include "schema/little_endian.h"

using namespace sedge;
using namespace sedge::node;

TEST_CASE("answers of one turn merge if the client asked for it", "[broker_produce]") {
    BrokerShell shell;
    shell.ask(create_request("t", 2));
    auto request = plain_record("t", "v");
    request.merge_answers = true;
    const auto first = shell.send("c", request);
    shell.send("c", request);
    const auto third = shell.send("c", request);
    const auto other = shell.send("d", request);        // another client
    request.partition = PartitionIndex{1};
    const auto elsewhere = shell.send("c", request);    // another partition
    request.merge_answers = false;
    const auto alone = shell.send("c", request);
    shell.settle();
    const auto merged = shell.take(first);
    REQUIRE(merged);
    CHECK(body_of<ProduceResponse>(*merged).count == 3);
    CHECK(body_of<ProduceResponse>(*merged).offset == Offset{0});
    CHECK(!shell.take(third));
    CHECK(body_of<ProduceResponse>(*shell.take(other)).offset == Offset{3});
    CHECK(body_of<ProduceResponse>(*shell.take(elsewhere)).count == 1);
    CHECK(body_of<ProduceResponse>(*shell.take(alone)).offset == Offset{1});
}

TEST_CASE("a batch that is full is followed by another", "[broker_produce]") {
    BrokerShell shell;
    shell.ask(create_request("t", 1, {{"max_batch_bytes", "1024"}}));
    const std::string value(300, 'v');
    auto request = plain_record("t", value);
    request.merge_answers = true;
    const auto first = shell.send("c", request);
    for (int i = 0; i < 9; ++i) shell.send("c", request);
    shell.turn();
    REQUIRE(shell.queued.size() == 1);
    CHECK(shell.queued.front().entries.size() == 4);
    for (const auto& entry : shell.queued.front().entries) CHECK(entry.payload.size() <= 1024);
    shell.settle();
    CHECK(body_of<ProduceResponse>(*shell.take(first)).count == 10);
    CHECK(shell.error_of(plain_record("t", std::string(1025, 'x'))) == ErrorCode::record_too_large);
}

TEST_CASE("a plain record as large as a batch may be is taken, one byte more is not", "[broker_produce]") {
    BrokerShell shell;
    shell.ask(create_request("t", 1, {{"max_batch_bytes", "1024"}}));
    // header 72, array 1, delta 1, nil key 1, bin16 3
    CHECK(shell.error_of(plain_record("t", std::string(1024 - 78, 'x'))) == ErrorCode::ok);
    CHECK(shell.error_of(plain_record("t", std::string(1024 - 77, 'x'))) == ErrorCode::record_too_large);
}

TEST_CASE("key, headers and time of a plain record come back", "[broker_produce]") {
    BrokerShell shell;
    shell.now.wall_ms = 77'000;
    shell.ask(create_request("t"));
    auto request = plain_record("t", "v");
    request.key = as_bytes("k");
    request.timestamp_ms = 5;
    Buffer headers{std::byte{0x81}, std::byte{0xa1}, std::byte{'h'}, std::byte{0xc4}, std::byte{1}, std::byte{'x'}};
    request.headers = headers;
    shell.ask(request);
    ProduceRequest bare;
    bare.topic = "t";
    bare.key = as_bytes("");
    shell.ask(bare);
    const auto answer = shell.ask(fetch_request("t", 0));
    const auto& records = body_of<FetchResponse>(answer).records;
    REQUIRE(records.size() == 2);
    CHECK(records[0].timestamp_ms == 5);
    CHECK(as_text(*records[0].key) == "k");
    REQUIRE(records[0].headers.size() == 1);
    CHECK(records[0].headers[0].first == "h");
    CHECK(as_text(records[0].headers[0].second) == "x");
    CHECK(records[1].timestamp_ms == 77'000);
    CHECK(records[1].key == Buffer());
    CHECK(!records[1].value);
}

TEST_CASE("a key chooses its partition by its hash, records without one spread", "[broker_produce]") {
    BrokerShell shell;
    shell.ask(create_request("t", 4));
    ProduceRequest request;
    request.topic = "t";
    request.value = as_bytes("v");
    request.key = as_bytes("some key");
    const auto chosen = body_of<ProduceResponse>(shell.ask(request)).partition;
    CHECK(body_of<ProduceResponse>(shell.ask(request)).partition == chosen);
    request.key.reset();
    std::set<std::uint32_t> used;
    for (int i = 0; i < 8; ++i) used.insert(body_of<ProduceResponse>(shell.ask(request)).partition.value);
    CHECK(used.size() > 1);
}

TEST_CASE("acks=0 is stored and never answered", "[broker_produce]") {
    BrokerShell shell;
    shell.ask(create_request("t"));
    auto request = plain_record("t", "v");
    request.acks = Acks::none;
    const auto id = shell.send("c", request);
    auto wrong = plain_record("nowhere", "v");
    wrong.acks = Acks::none;
    const auto refused = shell.send("c", wrong);
    shell.settle();
    CHECK(!shell.take(id));
    CHECK(!shell.take(refused));
    CHECK(values_of(shell.ask(fetch_request("t", 0))).size() == 1);
}

TEST_CASE("what cannot be stored is refused with a reason", "[broker_produce]") {
    BrokerShell shell;
    shell.ask(create_request("t", 2, {{"max_batch_bytes", "2048"}}));
    CHECK(shell.error_of(plain_record("nowhere", "v")) == ErrorCode::unknown_topic);
    CHECK(shell.error_of(plain_record("t", "v", 2)) == ErrorCode::unknown_partition);
    Buffer batch = make_batch({"a", "b"});
    SECTION("a batch needs its partition") {
        ProduceRequest request;
        request.topic = "t";
        CHECK(shell.error_of(request, batch) == ErrorCode::bad_request);
    }
    SECTION("a flipped bit") {
        batch.back() ^= std::byte{1};
        CHECK(shell.error_of(batch_request("t"), batch) == ErrorCode::corrupt_batch);
    }
    SECTION("bytes behind the batch") {
        batch.push_back(std::byte{0});
        CHECK(shell.error_of(batch_request("t"), batch) == ErrorCode::corrupt_batch);
    }
    SECTION("cut short") {
        batch.pop_back();
        CHECK(shell.error_of(batch_request("t"), batch) == ErrorCode::corrupt_batch);
    }
    SECTION("larger than the topic takes") {
        CHECK(shell.error_of(batch_request("t"), make_batch({std::string(3000, 'x')})) == ErrorCode::record_too_large);
    }
    SECTION("both a value and a batch") {
        auto request = plain_record("t", "v");
        CHECK(shell.error_of(request, batch) == ErrorCode::bad_request);
    }
    const auto topic = body_of<TopicResponse>(shell.ask(DescribeTopicRequest{"t"})).topic;
    CHECK(topic.partitions[0].end == Offset{0});
}

namespace {

// A batch with a right checksum around a wrong body.
Buffer batch_around(std::string_view body, std::uint32_t count, Codec codec = Codec::none) {
    Buffer batch(kBatchHeaderBytes);
    const auto bytes = as_bytes(body);
    batch.insert(batch.end(), bytes.begin(), bytes.end());
    store_le(MutableBytes(batch), 0, static_cast<std::uint32_t>(batch.size()));
    store_le(MutableBytes(batch), 32, std::uint8_t{1});
    store_le(MutableBytes(batch), 33, static_cast<std::uint8_t>(codec));
    store_le(MutableBytes(batch), 36, count);
    store_le(MutableBytes(batch), 4, crc32c(ByteView(batch).subspan(32)));
    return batch;
}

}  // namespace

TEST_CASE("no batch that would poison its consumers gets in", "[broker_produce]") {
    BrokerShell shell;
    shell.ask(create_request("t"));
    const std::string record = "\x93\x01\xc0\xc0";
    CHECK(shell.error_of(batch_request("t"), batch_around(record, 1)) == ErrorCode::ok);
    CHECK(shell.error_of(batch_request("t"), batch_around(record, 2)) == ErrorCode::corrupt_batch);
    CHECK(shell.error_of(batch_request("t"), batch_around(record + record, 1)) == ErrorCode::corrupt_batch);
    CHECK(shell.error_of(batch_request("t"), batch_around("\x93\x01\xc0", 1)) == ErrorCode::corrupt_batch);
    CHECK(shell.error_of(batch_request("t"), batch_around("not packed at all", 1, Codec::zstd)) == ErrorCode::corrupt_batch);
    CHECK(shell.error_of(batch_request("t"), batch_around("not packed at all", 1, Codec::lz4)) == ErrorCode::corrupt_batch);
    const std::vector<std::string> values(100, std::string(100, 'x'));
    for (const Codec codec : {Codec::zstd, Codec::lz4})
        CHECK(shell.error_of(batch_request("t"), make_batch(values, {}, codec)) == ErrorCode::ok);
    CHECK(values_of(shell.ask(fetch_request("t", 1))).size() == 200);
}

TEST_CASE("a retried batch is stored once and answered when the original is stored", "[broker_produce]") {
    BrokerShell shell;
    shell.ask(create_request("t"));
    const Buffer batch = make_batch({"a", "b"}, {7, 0, 0});
    const auto first = shell.send("c", batch_request("t"), batch);
    shell.turn();
    const auto retry = shell.send("c", batch_request("t"), batch);
    shell.turn();
    const auto same_turn = shell.send("c", batch_request("t"), batch);
    CHECK(shell.queued.size() == 1);
    CHECK(!shell.take(retry));
    shell.turn();
    CHECK(!shell.take(retry));
    CHECK(!shell.take(same_turn));
    shell.complete_writes();
    CHECK(!body_of<ProduceResponse>(*shell.take(first)).duplicate);
    for (const auto id : {retry, same_turn}) {
        const auto answer = shell.take(id);
        REQUIRE(answer);
        CHECK(body_of<ProduceResponse>(*answer).duplicate);
        CHECK(body_of<ProduceResponse>(*answer).offset == Offset{0});
    }
    CHECK(body_of<ProduceResponse>(shell.ask(batch_request("t"), batch)).duplicate);
    CHECK(values_of(shell.ask(fetch_request("t", 0))).size() == 2);
}

TEST_CASE("the sequence of a producer has no gaps", "[broker_produce]") {
    BrokerShell shell;
    shell.ask(create_request("t"));
    const auto produce = [&](TestProducer producer) { return shell.error_of(batch_request("t"), make_batch({"a"}, producer)); };
    CHECK(produce({7, 0, 3}) == ErrorCode::unknown_producer);
    CHECK(produce({7, 5, 0}) == ErrorCode::ok);
    CHECK(produce({7, 5, 2}) == ErrorCode::out_of_order_sequence);
    CHECK(produce({7, 5, 1}) == ErrorCode::ok);
    CHECK(produce({7, 4, 2}) == ErrorCode::stale_producer_epoch);
    CHECK(produce({7, 6, 2}) == ErrorCode::out_of_order_sequence);
    CHECK(produce({7, 6, 0}) == ErrorCode::ok);
    CHECK(produce({7, 5, 2}) == ErrorCode::stale_producer_epoch);
    CHECK(produce({8, 0, 0}) == ErrorCode::ok);
}

TEST_CASE("an os topic is answered without a sync and claims no copy", "[broker_produce]") {
    BrokerShell shell;
    shell.ask(create_request("os", 1, {{"durability", "os"}}));
    shell.ask(create_request("safe"));
    const auto id = shell.send("c", plain_record("os", "v"));
    shell.turn();
    REQUIRE(shell.queued.size() == 1);
    CHECK(!shell.queued.front().sync);
    shell.settle();
    CHECK(body_of<ProduceResponse>(*shell.take(id)).durable_copies == 0);
    const auto first = shell.send("c", plain_record("os", "v"));
    const auto second = shell.send("c", plain_record("safe", "v"));
    shell.turn();
    CHECK(shell.queued.back().sync);
    shell.settle();
    CHECK(body_of<ProduceResponse>(*shell.take(first)).durable_copies == 0);
    CHECK(body_of<ProduceResponse>(*shell.take(second)).durable_copies == 1);
}

TEST_CASE("an answer waits for its own write only", "[broker_produce]") {
    BrokerShell shell;
    shell.ask(create_request("t"));
    std::vector<std::uint64_t> ids;
    for (int i = 0; i < 3; ++i) {
        ids.push_back(shell.send("c", plain_record("t", "v")));
        shell.turn();
    }
    REQUIRE(shell.queued.size() == 3);
    shell.complete_writes(2);
    CHECK(shell.take(ids[0]));
    CHECK(shell.take(ids[1]));
    CHECK(!shell.take(ids[2]));
    CHECK(values_of(shell.ask(fetch_request("t", 0))).size() == 2);
    shell.settle();
    CHECK(shell.take(ids[2]));
}

TEST_CASE("a stopping node completes what it took and takes no more", "[broker_produce]") {
    BrokerShell shell;
    shell.ask(create_request("t"));
    const auto taken = shell.send("c", plain_record("t", "v"));
    const auto waiting = shell.send("c", fetch_request("t", 0, 10'000));
    shell.turn();
    shell.broker().begin_shutdown(shell.now);
    shell.turn();
    CHECK(shell.take(waiting));
    const auto refused = shell.send("c", plain_record("t", "w"));
    const auto fetch = shell.send("c", fetch_request("t", 1, 10'000));
    shell.turn();
    CHECK(BrokerShell::error(*shell.take(refused)) == ErrorCode::shutting_down);
    CHECK(shell.take(fetch));
    CHECK(!shell.broker().is_idle());
    shell.settle();
    CHECK(shell.take(taken));
    CHECK(shell.broker().is_idle());
}
