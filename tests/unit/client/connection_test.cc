#include "client/connection.h"

#include <catch2/catch.hpp>

#include "client/admin.h"
#include "tests/unit/client/fake_broker.h"

namespace sedge {
namespace {

TEST_CASE("node lists are split, schemes and empty parts left out", "[connection]") {
    CHECK(split_nodes("a:1,tcp://b:2,,") == std::vector<std::string>{"a:1", "b:2"});
    CHECK(split_nodes("").empty());
}

TEST_CASE("a connection goes round the nodes until one answers", "[connection]") {
    test::FakeBroker gone;
    test::FakeBroker there;
    there.add_topic("t", 1);
    gone.stop();
    ConnectOptions options;
    options.nodes = {gone.address(), there.address()};
    Connection connection(options);
    const auto reply = connection.call(DescribeTopicRequest{"t"});
    CHECK(reply.status.ok());
    CHECK(reply.node == there.address());
}

TEST_CASE("nobody there is unreachable, and says who was asked", "[connection]") {
    test::FakeBroker gone;
    gone.stop();
    ConnectOptions options;
    options.nodes = {gone.address()};
    options.connect_timeout_ms = 100;
    Connection connection(options);
    const auto reply = connection.call(HelloRequest{});
    CHECK(reply.status.code == ErrorCode::unreachable);
    CHECK_FALSE(reply.maybe_done);
    CHECK(reply.status.message.find(gone.address()) != std::string::npos);
}

TEST_CASE("an address that is none is unreachable", "[connection]") {
    ConnectOptions options;
    options.nodes = {"no address"};
    options.connect_timeout_ms = 50;
    Connection connection(options);
    CHECK(connection.call(HelloRequest{}).status.code == ErrorCode::unreachable);
    CHECK(Connection({.nodes = {}, .connect_timeout_ms = 50}).call(HelloRequest{}).status.code == ErrorCode::unreachable);
}

TEST_CASE("a silent node is left for the next, and what was written to it may have been done", "[connection]") {
    test::FakeBroker silent;
    test::FakeBroker there;
    silent.hold = true;
    there.add_topic("t", 1);
    ConnectOptions options;
    options.nodes = {silent.address(), there.address()};
    options.request_timeout_ms = 200;
    Connection connection(options);
    const auto first = connection.call(DescribeTopicRequest{"t"});
    CHECK(first.status.code == ErrorCode::timed_out);
    CHECK(first.maybe_done);
    CHECK(connection.call_until(DescribeTopicRequest{"t"}, 10'000).node == there.address());
}

TEST_CASE("closing a connection ends what is open", "[connection]") {
    test::FakeBroker broker;
    broker.hold = true;
    std::atomic<int> ended{0};
    {
        ConnectOptions options;
        options.nodes = {broker.address()};
        Connection connection(options);
        for (int i = 0; i < 10; ++i)
            connection.send(HelloRequest{}, {}, 0, [&](Reply& reply) { ended += reply.status.code == ErrorCode::unreachable ? 1 : 0; });
    }
    CHECK(ended == 10);
}

TEST_CASE("a topic made by an attempt whose answer was lost is made, not refused", "[connection]") {
    test::FakeBroker broker;
    broker.lose_produce_answers = 1;
    ConnectOptions options;
    options.nodes = {broker.address()};
    options.request_timeout_ms = 200;
    Admin admin(options, 10'000);
    const auto made = admin.create_topic({.name = "t", .partitions = 3});
    REQUIRE(made.ok());
    CHECK(made->partitions.size() == 3);
    CHECK(admin.last_node() == broker.address());
    const auto again = admin.create_topic({.name = "t"});
    REQUIRE_FALSE(again.ok());
    CHECK(again.status().code == ErrorCode::topic_exists);
    CHECK(admin.list_topics()->size() == 1);
    CHECK(admin.delete_topic("t").ok());
    CHECK(admin.delete_topic("t").code == ErrorCode::unknown_topic);
}

}  // namespace
}  // namespace sedge
