#include "node/io/peer_door.h"

#include <catch2/catch.hpp>
#include <poll.h>

#include "tests/unit/io/zmq_peer.h"

using namespace sedge;
using namespace sedge::node;

namespace {

constexpr int kPatienceMs = 20'000;

std::unique_ptr<PeerDoor> open_door(PeerDoorOptions options = {}) {
    options.listen = {"127.0.0.1", 0};
    auto opened = PeerDoor::open(options);
    REQUIRE(opened.ok());
    return std::move(opened).value();
}

SendPeer message_to(const PeerDoor& door, std::string_view header, std::vector<SharedBytes> body = {}) {
    const ByteView bytes = as_bytes(header);
    return {NodeId{7}, "tcp://" + to_string(door.address()), Buffer(bytes.begin(), bytes.end()), std::move(body)};
}

// Waits for the next message, looking after both doors' links meanwhile.
bool receive(PeerDoor& door, ZmqInbound& message) {
    for (int waited_ms = 0; waited_ms < kPatienceMs; waited_ms += 10) {
        if (door.receive(message)) return true;
        pollfd polled{door.fd(), POLLIN, 0};
        if (!door.has_input()) ::poll(&polled, 1, 10);
    }
    return false;
}

template <class Condition>
bool until(PeerDoor& door, std::vector<NodeId>& lost, Condition&& condition) {
    for (int waited_ms = 0; waited_ms < kPatienceMs; waited_ms += 10) {
        door.watch_links(1, [&](NodeId node) { lost.push_back(node); });
        if (condition()) return true;
        std::vector<pollfd> polled;
        for (const int fd : door.monitor_fds()) polled.push_back({fd, POLLIN, 0});
        ::poll(polled.data(), polled.size(), 10);
    }
    return false;
}

}  // namespace

TEST_CASE("messages arrive with their bodies, in order", "[peer_door]") {
    const auto a = open_door(), b = open_door();
    const SharedBytes large = SharedBytes::take(Buffer(3u << 20, std::byte{42}));
    std::vector<NodeId> lost;
    a->send(message_to(*b, "first"), 1);
    REQUIRE(until(*a, lost, [&] { return a->statistics().connected == 1; }));  // before, little may wait
    a->send(message_to(*b, "second", {large, large}), 1);
    ZmqInbound message;
    REQUIRE(receive(*b, message));
    CHECK(message.frames() == 1);
    CHECK(as_text(message.bytes(0)) == "first");
    REQUIRE(receive(*b, message));
    REQUIRE(message.frames() == 3);
    CHECK(as_text(message.bytes(0)) == "second");
    CHECK(message.bytes(2).size() == large.size());
    CHECK(b->statistics().messages_received == 2);
}

TEST_CASE("a peer that goes is told of once, and found again", "[peer_door]") {
    const auto a = open_door();
    auto b = open_door();
    std::vector<NodeId> lost;
    a->send(message_to(*b, "hello"), 1);
    REQUIRE(until(*a, lost, [&] { return a->statistics().connected == 1; }));
    const HostPort address = b->address();
    b.reset();
    REQUIRE(until(*a, lost, [&] { return !lost.empty(); }));
    CHECK(lost == std::vector{NodeId{7}});
    PeerDoorOptions again;
    again.listen = address;
    auto reopened = PeerDoor::open(again);
    REQUIRE(reopened.ok());
    a->send(message_to(**reopened, "again"), 1);
    ZmqInbound message;
    REQUIRE(receive(**reopened, message));
    CHECK(lost.size() == 1);
}

TEST_CASE("what waits for a peer that is not there is bounded", "[peer_door]") {
    PeerDoorOptions options;
    options.max_unconnected_bytes = 100'000;
    const auto a = open_door(options);
    auto b = open_door();
    const std::string address = "tcp://" + to_string(b->address());
    b.reset();
    for (int i = 0; i < 10; ++i)
        a->send({NodeId{7}, address, Buffer(10, std::byte{1}), {SharedBytes::take(Buffer(30'000, std::byte{2}))}}, 1);
    CHECK(a->statistics().messages_sent == 3);
    CHECK(a->statistics().dropped == 7);
    a->send({NodeId{7}, "no address", Buffer(10, std::byte{1}), {}}, 1);
    CHECK(a->statistics().dropped == 8);
}

TEST_CASE("links that idle are closed", "[peer_door]") {
    PeerDoorOptions options;
    options.idle_ms = 1'000;
    const auto a = open_door(options), b = open_door();
    a->send(message_to(*b, "hello"), 1);
    CHECK(a->statistics().links == 1);
    a->watch_links(1'000, [](NodeId) {});
    CHECK(a->statistics().links == 1);
    a->watch_links(1'001, [](NodeId) {});
    CHECK(a->statistics().links == 0);
}

TEST_CASE("a taken port is one clear line that names the option", "[peer_door]") {
    const auto a = open_door();
    PeerDoorOptions options;
    options.listen = a->address();
    const auto second = PeerDoor::open(options);
    REQUIRE(!second.ok());
    CHECK_THAT(second.status().message, Catch::Contains("--peer-listen"));
}
