// Segments, room and retention.
#include "tests/unit/core/broker_shell.h"

using namespace sedge;
using namespace sedge::node;

namespace {

BrokerOptions small_segments() {
    BrokerOptions options;
    options.segment_bytes = 1u << 20;
    options.admin_reserve_bytes = 64u << 10;
    return options;
}

std::size_t rolls(const BrokerShell& shell) {
    return static_cast<std::size_t>(std::count_if(shell.stored.begin(), shell.stored.end(), [](const auto& each) { return each.roll; }));
}

Buffer batch_of(std::size_t bytes) { return make_batch({std::string(bytes, 'v')}); }

}  // namespace

TEST_CASE("a full segment is followed by another that begins with everything known", "[broker_segments]") {
    BrokerShell shell(small_segments());
    shell.ask(create_request("t", 3));
    std::uint32_t sequence = 0;
    for (std::uint32_t i = 0; i < 60; ++i) {
        shell.ask(batch_request("t", i % 3), make_batch({std::string(50'000, 'v')}, {7, 0, i / 3}));
        sequence = i / 3;
    }
    CHECK(rolls(shell) >= 4);
    shell.crash();
    for (std::uint32_t partition = 0; partition < 3; ++partition) {
        CHECK(body_of<TopicResponse>(shell.ask(DescribeTopicRequest{"t"})).topic.partitions[partition].end == Offset{20});
        CHECK(body_of<ProduceResponse>(shell.ask(batch_request("t", partition), make_batch({std::string(50'000, 'v')}, {7, 0, sequence})))
                  .duplicate);
    }
}

TEST_CASE("a turn that does not fit is split, and the checkpoint stands between its halves", "[broker_segments]") {
    BrokerShell shell(small_segments());
    shell.ask(create_request("t", 2));
    std::vector<std::uint64_t> ids;
    const std::string value(1000, 'v');
    for (std::uint32_t i = 0; i < 1500; ++i) ids.push_back(shell.send("c", plain_record("t", value, i % 2)));
    shell.turn();
    CHECK(shell.queued.size() == 2);
    CHECK(shell.queued.back().roll);
    shell.settle();
    for (std::size_t i = 0; i < ids.size(); ++i) CHECK(body_of<ProduceResponse>(*shell.take(ids[i])).offset == Offset{i / 2});
    for (int i = 0; i < 2; ++i) {
        shell.crash();
        const auto topic = body_of<TopicResponse>(shell.ask(DescribeTopicRequest{"t"})).topic;
        CHECK(topic.partitions[0].end == Offset{750});
        CHECK(topic.partitions[1].end == Offset{750});
    }
    CHECK(values_of(shell.ask(fetch_request("t", 749))).size() == 1);
}

TEST_CASE("a crash between the halves of a split turn loses only the later ones", "[broker_segments]") {
    BrokerShell shell(small_segments());
    shell.ask(create_request("t"));
    for (int i = 0; i < 1500; ++i) shell.send("c", plain_record("t", std::string(1000, 'v')));
    shell.turn();
    shell.complete_writes(1);
    const std::uint64_t kept = shell.broker().partitions().at(0).high_watermark.value;
    CHECK(kept > 0);
    CHECK(kept < 1500);
    shell.crash();
    CHECK(shell.broker().partitions().at(0).end == Offset{kept});
    CHECK(body_of<ProduceResponse>(shell.ask(plain_record("t", "next"))).offset == Offset{kept});
}

TEST_CASE("while the next segment is made, clients are not read and what comes is told to wait", "[broker_segments]") {
    BrokerShell shell(small_segments());
    shell.makes_segments = false;
    shell.ask(create_request("t"));
    shell.broker().on_room(shell.now, {false, false});
    ErrorCode code = ErrorCode::ok;
    std::size_t stored = 0;
    while ((code = shell.error_of(batch_request("t"), batch_of(30'000))) == ErrorCode::ok) ++stored;
    CHECK(stored > 10);
    CHECK(code == ErrorCode::busy);
    CHECK(!shell.broker().wants_input());
    CHECK(shell.error_of(plain_record("t", "small")) == ErrorCode::ok);
    CHECK(shell.error_of(AlterTopicRequest{"t", {{"retention", "1h"}}}) == ErrorCode::ok);
    shell.broker().on_room(shell.now, {true, false});
    CHECK(shell.broker().wants_input());
    CHECK(shell.error_of(batch_request("t"), batch_of(40'000)) == ErrorCode::ok);
    CHECK(rolls(shell) == 2);
}

TEST_CASE("on a full disk produce is refused, reads and deletions go on", "[broker_segments]") {
    BrokerShell shell(small_segments());
    shell.makes_segments = false;
    shell.ask(create_request("t"));
    shell.ask(create_request("u"));
    shell.broker().on_room(shell.now, {false, true});
    CHECK(shell.error_of(batch_request("t"), batch_of(40'000)) == ErrorCode::ok);  // there is room in the open segment
    ErrorCode code = ErrorCode::ok;
    while ((code = shell.error_of(batch_request("t"), batch_of(40'000))) == ErrorCode::ok) {}
    CHECK(code == ErrorCode::disk_full);
    while ((code = shell.error_of(plain_record("t", "x"))) == ErrorCode::ok) {}
    CHECK(code == ErrorCode::disk_full);
    CHECK(shell.broker().wants_input());
    CHECK(shell.error_of(create_request("v")) == ErrorCode::disk_full);
    CHECK(body_of<ClusterHealthResponse>(shell.ask(ClusterHealthRequest{})).problems.at(0).kind == "disk_full");
    CHECK(!shell.ask(fetch_request("t", 0, 0, false)).body.empty());
    CHECK(shell.error_of(DeleteTopicRequest{"u"}) == ErrorCode::ok);
    shell.broker().on_room(shell.now, {true, false});
    CHECK(shell.error_of(batch_request("t"), batch_of(40'000)) == ErrorCode::ok);
}

TEST_CASE("a start on a full disk serves what it has and begins its segment when there is room", "[broker_segments]") {
    BrokerShell shell(small_segments());
    shell.ask(create_request("t"));
    shell.ask(plain_record("t", "a"));
    shell.room = {false, true};
    shell.crash();
    CHECK(shell.broker().is_idle());
    CHECK(values_of(shell.ask(fetch_request("t", 0))) == std::vector<std::string>{"a"});
    CHECK(shell.error_of(plain_record("t", "b")) == ErrorCode::disk_full);
    CHECK(shell.error_of(DeleteTopicRequest{"t"}) == ErrorCode::disk_full);
    shell.room = {true, false};
    shell.broker().on_room(shell.now, shell.room);
    shell.settle();
    CHECK(rolls(shell) == 2);
    CHECK(body_of<ProduceResponse>(shell.ask(plain_record("t", "b"))).offset == Offset{1});
}

TEST_CASE("a batch that does not fit half a segment is too large for this node", "[broker_segments]") {
    BrokerShell shell(small_segments());
    shell.ask(create_request("t", 1, {{"max_batch_bytes", "4MB"}}));
    CHECK(shell.error_of(batch_request("t"), batch_of(600'000)) == ErrorCode::record_too_large);
    CHECK(shell.error_of(plain_record("t", std::string(600'000, 'v'))) == ErrorCode::record_too_large);
    CHECK(shell.error_of(batch_request("t"), batch_of(400'000)) == ErrorCode::ok);
}

TEST_CASE("an old segment with records is rolled, an empty one is not", "[broker_segments]") {
    BrokerOptions options;
    options.segment_max_age_ms = 100'000;
    BrokerShell shell(options);
    shell.ask(create_request("t"));
    shell.pass(200'000);
    shell.settle();
    CHECK(rolls(shell) == 1);
    shell.ask(plain_record("t", "a"));
    shell.pass(options.retention_check_interval_ms);
    shell.settle();
    CHECK(rolls(shell) == 2);
    shell.pass(200'000);
    shell.settle();
    CHECK(rolls(shell) == 2);
}

TEST_CASE("retention by age moves the start, and releases only what is durably gone", "[broker_segments]") {
    BrokerShell shell;
    shell.now.wall_ms = 1'000'000'000;
    shell.ask(create_request("t", 1, {{"retention", "1h"}}));
    for (int i = 0; i < 4; ++i) {
        shell.ask(plain_record("t", "v" + std::to_string(i)));
        shell.pass(30 * 60'000);
        shell.settle();
    }
    shell.pass(10'000);
    CHECK(shell.error_of(fetch_request("t", 0)) == ErrorCode::offset_out_of_range);
    const Offset start = shell.broker().partitions().at(0).start;
    CHECK(start >= Offset{1});
    REQUIRE(!shell.releases.empty());
    CHECK(shell.releases.back().below == start);
    shell.releases.clear();
    shell.pass(3'600'000);
    shell.turn();
    REQUIRE(!shell.queued.empty());
    CHECK(shell.releases.empty());
    shell.complete_writes();
    REQUIRE(shell.releases.size() == 1);
    CHECK(shell.releases[0].below == Offset{4});
    for (int i = 0; i < 2; ++i) {
        shell.crash();
        CHECK(shell.broker().partitions().at(0).start == Offset{4});
        CHECK(shell.broker().partitions().at(0).end == Offset{4});
    }
    CHECK(body_of<ProduceResponse>(shell.ask(plain_record("t", "next"))).offset == Offset{4});
}

TEST_CASE("retention by age pauses while the clock is not trusted", "[broker_segments]") {
    BrokerShell shell;
    shell.now.wall_ms = 1'000'000'000;
    shell.ask(create_request("t", 1, {{"retention", "1h"}}));
    shell.ask(plain_record("t", "a"));
    shell.now.wall_ms += 100ull * 24 * 3'600'000;
    shell.now.wall_is_trusted = false;
    shell.pass(20'000);
    shell.settle();
    CHECK(shell.broker().partitions().at(0).start == Offset{0});
    shell.now.wall_is_trusted = true;
    shell.pass(20'000);
    shell.settle();
    CHECK(shell.broker().partitions().at(0).start == Offset{1});
}

TEST_CASE("retention by size keeps as much as was asked for", "[broker_segments]") {
    BrokerShell shell;
    shell.ask(create_request("t", 1, {{"retention_bytes", "100KB"}, {"retention", "-1"}}));
    for (int i = 0; i < 100; ++i) {
        shell.ask(batch_request("t"), batch_of(5'000));
        shell.pass(10'000);
        shell.settle();
    }
    const auto partition = body_of<TopicResponse>(shell.ask(DescribeTopicRequest{"t"})).topic.partitions.at(0);
    CHECK(partition.bytes >= 100u << 10);
    CHECK(partition.bytes <= 120u << 10);
    CHECK(partition.end == Offset{100});
    CHECK(shell.releases.back().below == partition.start);
}

TEST_CASE("gaps that a damaged journal left do not keep a node from starting", "[broker_segments]") {
    BrokerShell shell;
    shell.ask(create_request("t"));
    for (int i = 0; i < 3; ++i) shell.ask(plain_record("t", "v"));
    // The middle batch is lost.
    REQUIRE(shell.stored.size() >= 4);
    shell.stored.erase(shell.stored.end() - 2);
    shell.crash();
    CHECK(shell.broker().partitions().at(0).end == Offset{3});
    CHECK(body_of<ClusterHealthResponse>(shell.ask(ClusterHealthRequest{})).problems.at(0).kind == "quarantine");
    CHECK(body_of<ProduceResponse>(shell.ask(plain_record("t", "next"))).offset == Offset{3});
}

TEST_CASE("entries that contradict each other are refused", "[broker_segments]") {
    BrokerShell source;
    source.ask(create_request("t"));
    source.ask(plain_record("t", "a"));
    const auto& created = source.stored.at(source.stored.size() - 2).entries.at(0);
    const auto& batch = source.stored.back().entries.at(0);
    Broker broker(BrokerOptions{});
    CHECK(broker.restore_entry(created, created.payload.view()) == Status{});
    CHECK(broker.restore_entry(created, created.payload.view()).code == ErrorCode::storage_failed);
    CHECK(broker.restore_entry(batch, batch.payload.view()) == Status{});
    CHECK(broker.restore_entry(batch, batch.payload.view()).code == ErrorCode::storage_failed);
    CHECK(broker.restore_entry(batch, batch.payload.view().first(10)).code == ErrorCode::storage_failed);
    JournalEntry altered = created;
    altered.type = EntryType::topic_altered;
    CHECK(broker.restore_entry(altered, as_bytes("nonsense")).code == ErrorCode::storage_failed);
    CHECK(broker.restore_checkpoint(as_bytes("nonsense")).code == ErrorCode::storage_failed);
}

TEST_CASE("more than the budget on its way to the disk stops the input", "[broker_segments]") {
    BrokerOptions options;
    options.max_unsynced_bytes = 100'000;
    BrokerShell shell(options);
    shell.ask(create_request("t"));
    CHECK(shell.broker().wants_input());
    std::vector<std::uint64_t> ids;
    ErrorCode code = ErrorCode::ok;
    for (int i = 0; i < 20 && code == ErrorCode::ok; ++i) {
        ids.push_back(shell.send("c", batch_request("t"), batch_of(20'000)));
        shell.turn();
        CHECK(shell.broker().wants_input() == (i < 4));
        if (const auto answer = shell.take(ids.back())) code = shell.error(*answer);
    }
    CHECK(code == ErrorCode::busy);
    shell.complete_writes();
    CHECK(shell.broker().wants_input());
    CHECK(shell.broker().is_idle());
}
