// The main path: make a topic, store records, read them, restart, read them again.
#include "tests/unit/core/broker_shell.h"

using namespace sedge;
using namespace sedge::node;

TEST_CASE("a record is answered once it is stored, and then read", "[broker_path]") {
    BrokerShell shell;
    body_of<TopicResponse>(shell.ask(create_request("t")));
    const auto id = shell.send("c", plain_record("t", "hello"));
    shell.turn();
    CHECK(!shell.take(id));
    CHECK(!shell.broker().is_idle());
    CHECK(values_of(shell.ask(fetch_request("t", 0, 1000))) == std::vector<std::string>{"hello"});
    const auto answer = shell.take(id);
    REQUIRE(answer);
    const auto& produced = body_of<ProduceResponse>(*answer);
    CHECK(produced.offset == Offset{0});
    CHECK(produced.durable_copies == 1);
    CHECK(shell.broker().is_idle());
}

TEST_CASE("nothing is seen above the high watermark", "[broker_path]") {
    BrokerShell shell;
    shell.ask(create_request("t"));
    shell.send("c", plain_record("t", "a"));
    shell.turn();
    const auto fetch = shell.send("c", fetch_request("t", 0));
    shell.turn();
    const auto answer = shell.take(fetch);
    REQUIRE(answer);
    const auto& fetched = body_of<FetchResponse>(*answer);
    CHECK(fetched.records.empty());
    CHECK(fetched.high_watermark == Offset{0});
    shell.complete_writes();
    CHECK(values_of(shell.ask(fetch_request("t", 0))) == std::vector<std::string>{"a"});
}

TEST_CASE("plain records of a turn and batches share one order of offsets", "[broker_path]") {
    BrokerShell shell;
    shell.ask(create_request("t"));
    const Buffer batch = make_batch({"b1", "b2"});
    const bool two_frames = GENERATE(false, true);
    std::vector<std::uint64_t> ids;
    ids.push_back(shell.send("c", plain_record("t", "a1")));
    ids.push_back(shell.send("c", plain_record("t", "a2")));
    ids.push_back(shell.send("c", batch_request("t"), batch, two_frames));
    ids.push_back(shell.send("c", plain_record("t", "c1")));
    shell.turn();
    REQUIRE(shell.queued.size() == 1);
    CHECK(shell.queued.front().entries.size() == 3);
    shell.settle();
    std::vector<std::uint64_t> offsets;
    for (const auto id : ids) offsets.push_back(body_of<ProduceResponse>(*shell.take(id)).offset.value);
    CHECK(offsets == std::vector<std::uint64_t>{0, 1, 2, 4});
    CHECK(values_of(shell.ask(fetch_request("t", 0))) == std::vector<std::string>{"a1", "a2", "b1", "b2", "c1"});
    CHECK(values_of(shell.ask(fetch_request("t", 3))) == std::vector<std::string>{"b2", "c1"});
}

TEST_CASE("batches are served by reference, the one that holds the offset first", "[broker_path]") {
    BrokerShell shell;
    shell.ask(create_request("t"));
    const std::string large(20'000, 'v');
    shell.ask(batch_request("t"), make_batch({large, large}));
    shell.ask(batch_request("t"), make_batch({large}));
    const auto answer = shell.ask(fetch_request("t", 1, 0, false));
    const auto& fetched = body_of<FetchResponse>(answer);
    CHECK(fetched.start == Offset{0});
    CHECK(fetched.end == Offset{3});
    REQUIRE(answer.body.size() == 2);
    CHECK(answer.body[1].owner() == shell.stored.back().entries.back().payload.owner());
    CHECK(check_appended_batch(answer.body[0].view())->base_offset == Offset{0});
    CHECK(check_appended_batch(answer.body[1].view())->base_offset == Offset{2});
}

TEST_CASE("a restart restores topics, ends and producers from the checkpoint and what follows it", "[broker_path]") {
    BrokerShell shell;
    shell.ask(create_request("t", 2, {{"retention", "12h"}}));
    shell.ask(plain_record("t", "a"));
    shell.ask(batch_request("t", 1), make_batch({"x", "y"}, {7, 1, 0}));
    const auto lost = shell.send("c", plain_record("t", "never stored"));
    shell.turn();
    shell.crash();
    CHECK(!shell.take(lost));
    for (int i = 0; i < 2; ++i) {
        CHECK(values_of(shell.ask(fetch_request("t", 0))) == std::vector<std::string>{"a"});
        const auto topic = body_of<TopicResponse>(shell.ask(DescribeTopicRequest{"t"})).topic;
        REQUIRE(topic.partitions.size() == 2);
        CHECK(topic.partitions[0].end == Offset{1});
        CHECK(topic.partitions[1].end == Offset{2});
        CHECK(topic.partitions[1].high_watermark == Offset{2});
        const auto again = body_of<ProduceResponse>(shell.ask(batch_request("t", 1), make_batch({"x", "y"}, {7, 1, 0})));
        CHECK(again.duplicate);
        CHECK(again.offset == Offset{0});
        shell.crash();  // now everything comes from the checkpoint
    }
    CHECK(body_of<ProduceResponse>(shell.ask(plain_record("t", "b"))).offset == Offset{1});
}

TEST_CASE("a topic made again under its old name shares nothing with the old one", "[broker_path]") {
    BrokerShell shell;
    const auto first = body_of<TopicResponse>(shell.ask(create_request("t"))).topic.id;
    shell.ask(plain_record("t", "old"));
    body_of<DeleteTopicResponse>(shell.ask(DeleteTopicRequest{"t"}));
    CHECK(shell.error_of(fetch_request("t", 0)) == ErrorCode::unknown_topic);
    REQUIRE(shell.releases.size() == 1);
    CHECK(shell.releases[0].partition.topic == first);
    CHECK(shell.releases[0].below == Offset{UINT64_MAX});
    const auto second = body_of<TopicResponse>(shell.ask(create_request("t"))).topic.id;
    CHECK(first != second);
    shell.ask(plain_record("t", "new"));
    for (int i = 0; i < 3; ++i) {
        CHECK(values_of(shell.ask(fetch_request("t", 0))) == std::vector<std::string>{"new"});
        shell.crash();
    }
}

TEST_CASE("a long poll is woken by an append, and ends empty at its deadline", "[broker_path]") {
    BrokerShell shell;
    shell.ask(create_request("t"));
    shell.ask(create_request("quiet"));
    const auto first = shell.send("c", fetch_request("t", 0, 500));
    const auto second = shell.send("d", fetch_request("quiet", 0, 500));
    shell.turn();
    CHECK(shell.answers.empty());
    CHECK(shell.broker().next_tick_ms() <= shell.now.monotonic_ms + 500);
    shell.send("p", plain_record("t", "a"));
    shell.turn();
    CHECK(!shell.take(first));
    shell.complete_writes();
    auto woken = shell.take(first);
    REQUIRE(woken);
    CHECK(values_of(*woken) == std::vector<std::string>{"a"});
    CHECK(!shell.take(second));
    shell.pass(499);
    CHECK(!shell.take(second));
    shell.pass(1);
    auto ended = shell.take(second);
    REQUIRE(ended);
    CHECK(values_of(*ended).empty());
}
