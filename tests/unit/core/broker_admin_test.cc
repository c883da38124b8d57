#include <map>

#include "tests/unit/core/broker_shell.h"

using namespace sedge;
using namespace sedge::node;

namespace {

std::map<std::string, std::string> config_of(const TopicInfo& topic) { return {topic.config.begin(), topic.config.end()}; }

}  // namespace

TEST_CASE("a topic is there, and is answered, once it is agreed and durable", "[broker_admin]") {
    BrokerShell shell;
    const auto id = shell.send("c", create_request("t", 3, {{"retention", "2d"}, {"durability", "os"}}));
    const auto again = shell.send("d", create_request("t"));
    const auto record = shell.send("d", plain_record("t", "early", 2));
    shell.turn();
    CHECK(!shell.take(id));
    CHECK(!shell.take(again));
    CHECK(shell.error(*shell.take(record)) == ErrorCode::unknown_topic);
    REQUIRE(shell.queued.size() == 1);
    CHECK(shell.queued.front().sync);
    CHECK(shell.queued.front().entries.front().type == EntryType::acceptor_record);
    CHECK(shell.broker().partitions().empty());
    shell.settle();
    CHECK(shell.error(*shell.take(again)) == ErrorCode::topic_exists);
    const auto topic = body_of<TopicResponse>(*shell.take(id)).topic;
    CHECK(topic.name == "t");
    CHECK(topic.partitions.size() == 3);
    CHECK(config_of(topic) == std::map<std::string, std::string>{{"cleanup", "delete"},
                                                                 {"durability", "os"},
                                                                 {"max_batch_bytes", "1MB"},
                                                                 {"min_insync", "1"},
                                                                 {"retention", "2d"},
                                                                 {"retention_bytes", "-1"}});
    CHECK(shell.error_of(plain_record("t", "early", 2)) == ErrorCode::ok);
}

TEST_CASE("a topic that cannot be made says why", "[broker_admin]") {
    BrokerOptions options;
    options.segment_bytes = 4u << 20;  // takes a checkpoint of 1638 partitions
    BrokerShell shell(options);
    CHECK(shell.error_of(create_request("no spaces")) == ErrorCode::invalid_topic_name);
    CHECK(shell.error_of(create_request("t", 0)) == ErrorCode::invalid_config);
    CHECK(shell.error_of(create_request("t", 10'001)) == ErrorCode::invalid_config);
    CHECK(shell.error_of(create_request("t", 2000)) == ErrorCode::invalid_config);
    CHECK(shell.error_of(create_request("t", 1, {{"cleanup", "compact"}})) == ErrorCode::invalid_config);
    CHECK(shell.error_of(create_request("t", 1, {{"min_insync", "2"}})) == ErrorCode::invalid_config);
    CHECK(shell.error_of(create_request("t", 1, {{"colour", "red"}})) == ErrorCode::invalid_config);
    const auto replicated = shell.ask(CreateTopicRequest{"t", 1, 3, {}});
    CHECK(shell.error(replicated) == ErrorCode::invalid_config);
    CHECK(body_of<ErrorResponse>(replicated).status.message.find("1 node") != std::string::npos);
    CHECK(shell.error_of(CreateTopicRequest{"t", 1, 0, {}}) == ErrorCode::invalid_config);
    CHECK(shell.error_of(create_request("t", 1000)) == ErrorCode::ok);
    CHECK(shell.error_of(create_request("u", 1000)) == ErrorCode::invalid_config);
}

TEST_CASE("the node's own retention is the default", "[broker_admin]") {
    BrokerOptions options;
    options.default_retention_ms = 36ull * 3600 * 1000;
    BrokerShell shell(options);
    CHECK(config_of(body_of<TopicResponse>(shell.ask(create_request("t"))).topic).at("retention") == "36h");
}

TEST_CASE("a topic can be changed, and stays changed", "[broker_admin]") {
    BrokerShell shell;
    shell.ask(create_request("t", 2));
    const auto before = shell.send("c", plain_record("t", std::string(2000, 'x')));
    const auto topic = body_of<TopicResponse>(shell.ask(AlterTopicRequest{"t", {{"max_batch_bytes", "1KB"}, {"retention", "1h"}}})).topic;
    CHECK(config_of(topic).at("max_batch_bytes") == "1KB");
    CHECK(body_of<ProduceResponse>(*shell.take(before)).offset == Offset{0});
    CHECK(shell.error_of(plain_record("t", std::string(2000, 'x'))) == ErrorCode::record_too_large);
    CHECK(shell.error_of(AlterTopicRequest{"t", {{"retention", "1h"}, {"durability", "maybe"}}}) == ErrorCode::invalid_config);
    CHECK(shell.error_of(AlterTopicRequest{"nowhere", {}}) == ErrorCode::unknown_topic);
    for (int i = 0; i < 2; ++i) {
        shell.crash();
        const auto now = body_of<TopicResponse>(shell.ask(DescribeTopicRequest{"t"})).topic;
        CHECK(config_of(now) == config_of(topic));
    }
}

TEST_CASE("deleting is durable before it is answered and before records are released", "[broker_admin]") {
    BrokerShell shell;
    shell.ask(create_request("t", 2));
    const auto record = shell.send("c", plain_record("t", "last"));
    const auto id = shell.send("c", DeleteTopicRequest{"t"});
    shell.turn();
    shell.complete_writes();
    CHECK(shell.take(record));
    while (shell.queued.front().entries.back().type != EntryType::topic_deleted) {
        CHECK(!shell.take(id));
        shell.complete_writes();
        REQUIRE(!shell.queued.empty());
    }
    CHECK(!shell.take(id));
    CHECK(shell.releases.empty());
    CHECK(shell.error_of(plain_record("t", "late")) == ErrorCode::unknown_topic);
    CHECK(shell.take(id));
    CHECK(shell.releases.size() == 2);
    CHECK(shell.error_of(DeleteTopicRequest{"t"}) == ErrorCode::unknown_topic);
    shell.crash();
    CHECK(shell.error_of(DescribeTopicRequest{"t"}) == ErrorCode::unknown_topic);
}

TEST_CASE("the node describes itself", "[broker_admin]") {
    BrokerOptions options;
    options.node_name = "n1";
    options.mesh_id = "00112233445566778899aabbccddeeff";
    options.advertised_address = "tcp://10.0.0.1:7701";
    BrokerShell shell(options);
    shell.ask(create_request("b"));
    shell.ask(create_request("a", 2));
    const auto hello = body_of<HelloResponse>(shell.ask(HelloRequest{}));
    CHECK(hello.node == "n1");
    CHECK(hello.mesh_id == options.mesh_id);
    CHECK(hello.max_batch_bytes == limits::kMaxBatchBytes);
    const auto all = body_of<MetadataResponse>(shell.ask(MetadataRequest{}));
    REQUIRE(all.topics.size() == 2);
    CHECK(all.topics[0].name == "a");
    CHECK(all.topics[0].partitions[1].leader == "n1");
    CHECK(all.nodes.at(0).address == options.advertised_address);
    const auto some = body_of<MetadataResponse>(shell.ask(MetadataRequest{{"b", "c"}}));
    CHECK(some.topics.size() == 1);
    CHECK(some.unknown == std::vector<std::string>{"c"});
    CHECK(body_of<ClusterInfoResponse>(shell.ask(ClusterInfoRequest{})).nodes.size() == 1);
    CHECK(body_of<ClusterHealthResponse>(shell.ask(ClusterHealthRequest{})).healthy);
    shell.broker().on_storage_problems({{"quarantine", "t/0", "see the log"}});
    const auto health = body_of<ClusterHealthResponse>(shell.ask(ClusterHealthRequest{}));
    CHECK(!health.healthy);
    CHECK(health.problems.at(0).kind == "quarantine");
    CHECK(shell.broker().health(shell.now).size() == 1);
}

TEST_CASE("a describe shows starts, ends and bytes", "[broker_admin]") {
    BrokerShell shell;
    shell.ask(create_request("t"));
    shell.ask(batch_request("t"), make_batch({"a", "b", "c"}));
    shell.send("c", plain_record("t", "on its way"));
    const auto id = shell.send("c", DescribeTopicRequest{"t"});
    shell.turn();
    const auto partition = body_of<TopicResponse>(*shell.take(id)).topic.partitions.at(0);
    CHECK(partition.start == Offset{0});
    CHECK(partition.end == Offset{4});
    CHECK(partition.high_watermark == Offset{3});
    CHECK(partition.bytes > 72);
}

TEST_CASE("what does not parse is answered if it can be, and counted if not", "[broker_admin]") {
    BrokerShell shell;
    const auto raw = [](std::initializer_list<int> bytes) {
        Buffer out;
        for (const int each : bytes) out.push_back(static_cast<std::byte>(each));
        return out;
    };
    shell.asks_raw(5, 0);
    shell.asks_raw(6, 0);
    shell.send_frames("c", {raw({0x94, 0x01, 0xa1, 'x', 0x05, 0x80})});         // an unknown api
    shell.send_frames("c", {raw({0x94, 0x09, 0xa5, 'f', 'e', 't', 'c', 'h', 0x06, 0x80})});  // version 9
    shell.send_frames("c", {raw({0xc1})});
    shell.send_frames("c", {raw({})});
    shell.send_frames("c", {});
    shell.turn();
    CHECK(shell.error(*shell.take(5)) == ErrorCode::unknown_api);
    const auto version = shell.take(6);
    REQUIRE(version);
    CHECK(shell.error(*version) == ErrorCode::unsupported_version);
    CHECK(body_of<ErrorResponse>(*version).max_version == limits::kProtocolVersion);
    CHECK(shell.answers.empty());
    const auto metrics = shell.broker().metrics();
    const auto found = std::find_if(metrics.begin(), metrics.end(),
                                    [](const Metric& each) { return each.name == "sedge_undecodable_messages_total"; });
    REQUIRE(found != metrics.end());
    CHECK(found->value == 3);
}
