// What the simulation has found, told as small stories; each names the seed that showed it at the time.
#include "tests/unit/core/broker_shell.h"

namespace sedge::node {
namespace {

FetchRequest plain_fetch(std::uint64_t offset, std::uint32_t max_bytes) {
    FetchRequest request = fetch_request("t", offset);
    request.max_bytes = max_bytes;
    return request;
}

}  // namespace

// Seed 4: a small record of a later batch slipped into an answer that was full, and what lay between was skipped.
TEST_CASE("a plain answer ends at the first record that does not fit", "[broker_found]") {
    BrokerShell shell;
    shell.ask(create_request("t"));
    // Two batches that are small on the wire, since the first one is compressed.
    const std::string large(1000, 'a');
    shell.ask(batch_request("t"), make_batch({large, large}, {}, Codec::zstd));
    shell.ask(plain_record("t", "b"));
    CHECK(values_of(shell.ask(plain_fetch(0, 1500))) == std::vector<std::string>{large});
    CHECK(values_of(shell.ask(plain_fetch(1, 1500))) == std::vector<std::string>{large, "b"});
}

// Seed 54: requests to partition 0 of two topics shared an answer, since their offsets happened to follow each other.
TEST_CASE("one answer never covers two topics", "[broker_found]") {
    BrokerShell shell;
    shell.ask(create_request("t"));
    shell.ask(create_request("u"));
    shell.ask(plain_record("u", "before"));
    auto request = plain_record("t", "v");
    request.merge_answers = true;
    const auto first = shell.send("c", request);  // offset 0 of t
    request.topic = "u";
    const auto second = shell.send("c", request);  // offset 1 of u
    shell.settle();
    CHECK(body_of<ProduceResponse>(*shell.take(first)).count == 1);
    CHECK(body_of<ProduceResponse>(*shell.take(second)).offset == Offset{1});
}

// Seed 112: records appended before the clock was set back were judged by those appended after it.
TEST_CASE("a clock that is set back does not make retention remove what is newer", "[broker_found]") {
    BrokerShell shell;
    constexpr std::uint64_t kHourMs = 3'600'000;
    shell.now.wall_ms = 1'000 * kHourMs;
    shell.ask(create_request("t", 1, {{"retention", "1h"}}));
    shell.ask(plain_record("t", "from the future"));
    shell.now.wall_ms -= 2 * kHourMs;
    shell.ask(plain_record("t", "after the clock was set back"));
    shell.now.wall_ms += 2 * kHourMs - 1'000;
    shell.pass(20'000);
    shell.settle();
    CHECK(shell.broker().partitions().at(0).start == Offset{0});
    shell.pass(kHourMs + kHourMs / 8);
    shell.settle();
    CHECK(shell.broker().partitions().at(0).start == Offset{2});
}

// Seed 50293: the record that a search by time had found expired meanwhile, and the new start was answered, whatever its time.
TEST_CASE("a search by time whose find has expired meanwhile is made again", "[broker_found]") {
    BrokerShell shell;
    constexpr std::uint64_t kHourMs = 3'600'000;
    shell.now.wall_ms = 1'000 * kHourMs;
    shell.ask(create_request("t", 1, {{"retention", "1h"}}));
    for (const std::uint64_t time_ms : {500u, 100u, 600u}) {
        auto request = plain_record("t", "v");
        request.timestamp_ms = time_ms;
        shell.ask(request);
        shell.pass(kHourMs / 2);
        shell.settle();
        if (time_ms == 500) shell.now.wall_ms += kHourMs / 4;
    }
    const Offset start = shell.broker().partitions().at(0).start;
    REQUIRE(start < Offset{2});
    const auto id = shell.send("c", ListOffsetsRequest{"t", PartitionIndex{0}, ListOffsetsRequest::At::time, 200});
    shell.turn();
    REQUIRE(shell.reads.size() == 1);
    shell.next_read_result = ReadResult{ReadResult::Outcome::found, {}, {}, Offset{0}};
    while (shell.broker().partitions().at(0).start < Offset{1}) {
        shell.pass(kHourMs / 8);
        shell.complete_writes();
    }
    REQUIRE(shell.broker().partitions().at(0).start == Offset{1});
    shell.settle();
    CHECK(body_of<ListOffsetsResponse>(*shell.take(id)).offset == Offset{2});
}

}  // namespace sedge::node
