#include "tests/unit/core/broker_shell.h"

using namespace sedge;
using namespace sedge::node;

namespace {

// Nothing is kept in memory: every fetch goes to the disk.
BrokerOptions cold() {
    BrokerOptions options;
    options.recent_bytes = 0;
    options.max_cold_reads = 2;
    return options;
}

Offset next_offset(const TestAnswer& answer) { return *body_of<ErrorResponse>(answer).next_offset; }

}  // namespace

TEST_CASE("an offset outside the log is told where the log begins", "[broker_fetch]") {
    BrokerShell shell;
    shell.ask(create_request("t"));
    shell.ask(plain_record("t", "a"));
    const auto beyond = shell.ask(fetch_request("t", 2));
    CHECK(shell.error(beyond) == ErrorCode::offset_out_of_range);
    CHECK(next_offset(beyond) == Offset{0});
    const auto at_end = shell.ask(fetch_request("t", 1));
    CHECK(values_of(at_end).empty());
    CHECK(shell.error_of(fetch_request("nowhere", 0)) == ErrorCode::unknown_topic);
    auto wrong = fetch_request("t", 0);
    wrong.partition = PartitionIndex{1};
    CHECK(shell.error_of(wrong) == ErrorCode::unknown_partition);
}

TEST_CASE("a fetch takes as much as it asked for, one batch at least", "[broker_fetch]") {
    const bool from_disk = GENERATE(false, true);
    BrokerShell shell(from_disk ? cold() : BrokerOptions{});
    shell.ask(create_request("t"));
    const std::string value(30'000, 'v');
    for (int i = 0; i < 10; ++i) shell.ask(batch_request("t"), make_batch({value}));
    auto request = fetch_request("t", 0, 0, false);
    const auto bytes = [&](std::uint32_t max_bytes) {
        request.max_bytes = max_bytes;
        std::size_t size = 0;
        for (const SharedBytes& each : shell.ask(request).body) size += each.size();
        return size;
    };
    CHECK(bytes(0) / value.size() == 1);
    CHECK(bytes(1) / value.size() == 1);
    CHECK(bytes(100'000) / value.size() == 3);
    CHECK(bytes(UINT32_MAX) / value.size() == 10);
}

TEST_CASE("plain records are bounded by bytes and by number", "[broker_fetch]") {
    BrokerShell shell;
    shell.ask(create_request("t"));
    shell.ask(batch_request("t"), make_batch(std::vector<std::string>(12'000, "x")));
    CHECK(values_of(shell.ask(fetch_request("t", 0))).size() == limits::kMaxPlainRecords);
    CHECK(values_of(shell.ask(fetch_request("t", 10'000))).size() == 2'000);
    auto request = fetch_request("t", 0);
    request.max_bytes = 1;
    CHECK(values_of(shell.ask(request)).size() == 1);
    shell.ask(batch_request("t"), make_batch(std::vector<std::string>(1000, std::string(1000, 'y')), {}, Codec::zstd));
    request.offset = Offset{12'500};
    request.max_bytes = 50'000;
    const auto some = values_of(shell.ask(request));
    CHECK(some.size() > 40);
    CHECK(some.size() < 51);
}

TEST_CASE("cold reads are few at a time and keep their order", "[broker_fetch]") {
    BrokerShell shell(cold());
    shell.ask(create_request("t"));
    for (const char* value : {"a", "b", "c", "d"}) shell.ask(plain_record("t", value));
    std::vector<std::uint64_t> ids;
    for (std::uint64_t offset = 0; offset < 4; ++offset) ids.push_back(shell.send("c", fetch_request("t", offset)));
    shell.turn();
    CHECK(shell.reads.size() == 2);
    CHECK(!shell.broker().is_idle());
    shell.complete_reads();
    CHECK(shell.broker().is_idle());
    for (std::size_t i = 0; i < ids.size(); ++i) CHECK(values_of(*shell.take(ids[i])).size() == 4 - i);
}

TEST_CASE("what a read finds is looked at again: the topic may be gone", "[broker_fetch]") {
    BrokerShell shell(cold());
    shell.ask(create_request("t"));
    shell.ask(plain_record("t", "a"));
    std::vector<std::uint64_t> ids;
    for (int i = 0; i < 3; ++i) ids.push_back(shell.send("c", fetch_request("t", 0)));
    ListOffsetsRequest at_time{"t", PartitionIndex{0}, ListOffsetsRequest::At::time, 0};
    ids.push_back(shell.send("c", at_time));
    shell.turn();
    shell.send("d", DeleteTopicRequest{"t"});
    shell.turn();
    while (!shell.queued.empty()) shell.complete_writes();
    shell.complete_reads();
    for (const auto id : ids) CHECK(shell.error(*shell.take(id)) == ErrorCode::unknown_topic);
    CHECK(shell.broker().is_idle());
}

TEST_CASE("damaged records are named with where to go on, a failing disk says try again", "[broker_fetch]") {
    BrokerShell shell(cold());
    shell.ask(create_request("t"));
    for (int i = 0; i < 4; ++i) shell.ask(plain_record("t", "a"));
    shell.next_read_result = ReadResult{ReadResult::Outcome::damaged, {}, Offset{3}, {}};
    const auto damaged = shell.ask(fetch_request("t", 1));
    CHECK(shell.error(damaged) == ErrorCode::damaged);
    CHECK(next_offset(damaged) == Offset{3});
    // A journal that did not move on must not make a client ask for the same for ever.
    shell.next_read_result = ReadResult{ReadResult::Outcome::damaged, {}, Offset{0}, {}};
    CHECK(next_offset(shell.ask(fetch_request("t", 1))) == Offset{2});
    shell.next_read_result = ReadResult{ReadResult::Outcome::failed, {}, {}, {}};
    CHECK(shell.error_of(fetch_request("t", 1)) == ErrorCode::storage_failed);
    shell.next_read_result = ReadResult{};
    CHECK(shell.error_of(fetch_request("t", 1)) == ErrorCode::storage_failed);
    CHECK(values_of(shell.ask(fetch_request("t", 1))).size() == 3);
}

TEST_CASE("offsets are found by name and by time", "[broker_fetch]") {
    BrokerShell shell;
    shell.ask(create_request("t"));
    ListOffsetsRequest list{"t", PartitionIndex{0}, ListOffsetsRequest::At::time, 150};
    CHECK(body_of<ListOffsetsResponse>(shell.ask(list)).offset == Offset{0});
    for (const std::uint64_t time_ms : {100u, 200u, 300u}) {
        auto request = plain_record("t", "v");
        request.timestamp_ms = time_ms;
        shell.ask(request);
    }
    CHECK(body_of<ListOffsetsResponse>(shell.ask(list)).offset == Offset{1});
    list.timestamp_ms = 301;
    CHECK(body_of<ListOffsetsResponse>(shell.ask(list)).offset == Offset{3});
    list.at = ListOffsetsRequest::At::start;
    CHECK(body_of<ListOffsetsResponse>(shell.ask(list)).offset == Offset{0});
    list.at = ListOffsetsRequest::At::end;
    CHECK(body_of<ListOffsetsResponse>(shell.ask(list)).offset == Offset{3});
    shell.send("c", plain_record("t", "not stored yet"));
    const auto id = shell.send("c", list);
    shell.turn();
    CHECK(body_of<ListOffsetsResponse>(*shell.take(id)).offset == Offset{3});
    list.partition = PartitionIndex{9};
    CHECK(shell.error_of(list) == ErrorCode::unknown_partition);
}

TEST_CASE("a fetch that waits is told when its topic goes", "[broker_fetch]") {
    BrokerShell shell;
    shell.ask(create_request("t"));
    const auto id = shell.send("c", fetch_request("t", 0, 60'000));
    shell.turn();
    shell.ask(DeleteTopicRequest{"t"});
    CHECK(shell.error(*shell.take(id)) == ErrorCode::unknown_topic);
    CHECK(shell.broker().is_idle());
}

TEST_CASE("a wait is never longer than the limit", "[broker_fetch]") {
    BrokerShell shell;
    shell.ask(create_request("t"));
    const auto id = shell.send("c", fetch_request("t", 0, UINT32_MAX));
    shell.pass(limits::kMaxFetchWaitMs);
    CHECK(shell.take(id));
}

TEST_CASE("as many fetches wait as a client and the node may have", "[broker_fetch]") {
    BrokerOptions options;
    options.max_waiting_fetches_per_connection = 2;
    options.max_waiting_fetches = 3;
    BrokerShell shell(options);
    shell.ask(create_request("t"));
    std::vector<std::uint64_t> ids;
    for (const char* client : {"c", "c", "c", "d", "e"}) ids.push_back(shell.send(client, fetch_request("t", 0, 1000)));
    shell.turn();
    CHECK(!shell.take(ids[0]));
    CHECK(!shell.take(ids[1]));
    CHECK(shell.error(*shell.take(ids[2])) == ErrorCode::busy);
    CHECK(!shell.take(ids[3]));
    CHECK(shell.error(*shell.take(ids[4])) == ErrorCode::busy);
    shell.pass(1000);
    CHECK(shell.take(ids[0]));
    const auto again = shell.send("c", fetch_request("t", 0, 1000));
    shell.turn();
    CHECK(!shell.take(again));
}

TEST_CASE("a client who never reads is refused, others are served", "[broker_fetch]") {
    const bool from_disk = GENERATE(false, true);
    BrokerOptions options = from_disk ? cold() : BrokerOptions{};
    options.max_reply_bytes_per_connection = 300'000;
    options.max_reply_bytes = 900'000;
    BrokerShell shell(options);
    shell.ask(create_request("t"));
    const std::string value(100'000, 'v');
    for (int i = 0; i < 5; ++i) shell.ask(batch_request("t"), make_batch({value}));
    shell.takes_answers = false;
    std::size_t handed_out = 0, refused = 0;
    std::vector<std::uint64_t> ids;
    for (int i = 0; i < 50; ++i) ids.push_back(shell.send("greedy", fetch_request("t", 0, 0, false)));
    shell.settle();
    for (const auto id : ids) {
        const auto answer = shell.take(id);
        REQUIRE(answer);
        if (shell.error(*answer) == ErrorCode::busy) ++refused;
        for (const SharedBytes& each : answer->body) handed_out += each.size();
    }
    CHECK(refused > 0);
    CHECK(handed_out <= options.max_reply_bytes_per_connection + 110'000);
    CHECK(shell.ask(fetch_request("t", 0, 0, false), {}, "modest").body.size() >= 1);
    shell.broker().on_reply_taken(ConnectionId{"greedy"}, 1u << 30);
    CHECK(shell.ask(fetch_request("t", 0, 0, false), {}, "greedy").body.size() >= 1);
}
