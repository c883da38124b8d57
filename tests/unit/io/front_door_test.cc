#include "node/io/front_door.h"

#include <poll.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <deque>

#include "schema/limits.h"
#include "tests/unit/io/zmq_peer.h"

using namespace sedge;
using namespace sedge::node;

namespace {

using Steady = std::chrono::steady_clock;

FrontDoorOptions options() {
    FrontDoorOptions made;
    made.listen = {"127.0.0.1", 0};
    made.linger_ms = 0;
    return made;
}

std::unique_ptr<FrontDoor> open_door(const FrontDoorOptions& with = options()) {
    auto door = FrontDoor::open(with);
    REQUIRE(door.ok());
    return std::move(door).value();
}

// Until `done` or the time-out; sleeps on the door's descriptors.
bool wait_for(FrontDoor& door, const std::function<bool()>& done) {
    const auto deadline = Steady::now() + std::chrono::seconds(30);
    while (!done()) {
        if (Steady::now() > deadline) return false;
        door.watch_connections();
        if (door.has_input()) continue;
        pollfd polled[2]{{door.fd(), POLLIN, 0}, {door.monitor_fd(), POLLIN, 0}};
        ::poll(polled, 2, 10);
    }
    return true;
}

bool receive(FrontDoor& door, ConnectionId& from, ZmqInbound& message) {
    return wait_for(door, [&] { return door.receive(from, message); });
}

Send answer_to(const ConnectionId& to, std::string_view header, const std::vector<std::string>& body = {}) {
    Send made;
    made.to = to;
    made.header.assign(as_bytes(header).begin(), as_bytes(header).end());
    for (const auto& part : body) made.body.push_back(SharedBytes::copy_of(as_bytes(part)));
    made.reply_bytes = header.size();
    return made;
}

}  // namespace

TEST_CASE("a client with many large messages under way never waits for a queue that is empty", "[front_door]") {
    const auto door = open_door();
    ZmqPeer peer(door->address());
    const std::string large(64 << 10, 'x');
    ConnectionId from;
    ZmqInbound message;
    // All that is under way is read before more is sent, as a client does that waits for its answers.
    constexpr int kWindow = 64, kWindows = 5;
    for (int window = 0; window < kWindows; ++window) {
        for (int i = 0; i < kWindow; ++i) peer.send({large});
        for (int i = 0; i < kWindow; ++i) REQUIRE(receive(*door, from, message));
    }
}

TEST_CASE("a message arrives with its frames and is answered with bodies", "[front_door]") {
    const auto door = open_door();
    ZmqPeer peer(door->address());
    const std::string large(100'000, 'x');
    peer.send({"header", large, ""});
    ConnectionId from;
    ZmqInbound message;
    REQUIRE(receive(*door, from, message));
    REQUIRE(message.frames() == 3);
    CHECK(as_text(message.bytes(0)) == "header");
    CHECK(as_text(message.bytes(1)) == large);

    // A large frame is kept without a copy, a small one is copied; both can be patched until they are sent.
    const auto* const before = message.bytes(1).data();
    const auto kept_large = message.share(1);
    const auto kept_small = message.share(0);
    CHECK(kept_large.view().data() == before);
    CHECK(message.bytes(0).data() == kept_small.view().data());
    message.bytes(1)[0] = std::byte{'y'};
    message.bytes(0)[0] = std::byte{'H'};
    message.clear();
    CHECK(as_text(kept_small.view()) == "Header");

    Send answer = answer_to(from, "answer");
    answer.body = {kept_large, kept_small, SharedBytes{}};
    REQUIRE(door->send(std::move(answer), 0));
    const auto got = peer.receive();
    REQUIRE(got.size() == 4);
    CHECK(got[0] == "answer");
    CHECK(got[1] == "y" + large.substr(1));
    CHECK(got[2] == "Header");
    CHECK(got[3] == "");
}

TEST_CASE("answers to nobody are counted and come back", "[front_door]") {
    const auto door = open_door();
    CHECK(door->send(answer_to({"nobody"}, std::string(5'000, 'x')), 0));
    CHECK(door->statistics().dropped_unroutable == 1);
    std::size_t taken = 0;
    door->collect_taken([&](const ConnectionId& from, std::size_t bytes) {
        CHECK(from.value == "nobody");
        taken += bytes;
    });
    CHECK(taken == 5'000);
    CHECK(door->statistics().unread_bytes == 0);
}

TEST_CASE("taken answers are reported, and so are those of a client that left", "[front_door]") {
    const auto door = open_door();
    std::size_t taken = 0;
    const auto count = [&](const ConnectionId&, std::size_t bytes) { taken += bytes; };
    {
        ZmqPeer peer(door->address());
        peer.send({"hello"});
        ConnectionId from;
        ZmqInbound message;
        REQUIRE(receive(*door, from, message));
        REQUIRE(door->send(answer_to(from, std::string(10'000, 'a')), 0));
        CHECK(peer.receive().size() == 1);
        REQUIRE(wait_for(*door, [&] { door->collect_taken(count); return taken == 10'000; }));

        // It never reads again: what does not fit the sockets stays with us until the peer is gone.
        const std::string megabyte(1u << 20, 'b');
        int sent = 0;
        while (door->send(answer_to(from, "b", {megabyte}), 0)) REQUIRE(++sent < 10'000);
        CHECK(sent >= 8);
        CHECK(door->statistics().unread_bytes <= (14u << 20));
        CHECK(door->statistics().dropped_unread == 1);
    }
    CHECK(wait_for(*door, [&] { door->collect_taken(count); return door->statistics().unread_bytes < ReplyLedger::kUnreceiptedBytes; }));
}

TEST_CASE("a message with too many frames is dropped whole", "[front_door]") {
    const auto door = open_door();
    ZmqPeer peer(door->address());
    peer.send(std::vector<std::string>(limits::kMaxFramesPerMessage + 1, "x"));
    peer.send(std::vector<std::string>(5'000, "x"));
    peer.send(std::vector<std::string>(limits::kMaxFramesPerMessage, "y"));
    ConnectionId from;
    ZmqInbound message;
    REQUIRE(receive(*door, from, message));
    CHECK(message.frames() == limits::kMaxFramesPerMessage);
    CHECK(as_text(message.bytes(63)) == "y");
    CHECK(door->statistics().dropped_too_many_frames == 2);
}

TEST_CASE("above the limit new clients wait, and existing ones notice nothing", "[front_door]") {
    auto with = options();
    with.max_connections = 2;
    const auto door = open_door(with);
    ConnectionId from;
    ZmqInbound message;
    ZmqPeer first(door->address());
    first.send({"1"});
    REQUIRE(receive(*door, from, message));
    auto second = std::make_unique<ZmqPeer>(door->address());
    second->send({"2"});
    REQUIRE(receive(*door, from, message));
    REQUIRE(wait_for(*door, [&] { return door->statistics().holding_connections; }));

    ZmqPeer third(door->address());
    third.send({"3"});
    first.send({"1 again"});
    REQUIRE(receive(*door, from, message));
    CHECK(as_text(message.bytes(0)) == "1 again");
    second.reset();
    REQUIRE(receive(*door, from, message));
    CHECK(as_text(message.bytes(0)) == "3");
    // A message may overtake zmq's own news of its connection.
    CHECK(wait_for(*door, [&] { return door->statistics().connections_accepted == 3; }));
}

TEST_CASE("a client that stops in the handshake is dropped, and a second with the same identity is ignored", "[front_door]") {
    auto with = options();
    with.handshake_timeout_ms = 50;
    const auto door = open_door(with);
    void* const context = zmq_ctx_new();
    void* const stream = zmq_socket(context, ZMQ_STREAM);
    const int no_linger = 0;
    zmq_setsockopt(stream, ZMQ_LINGER, &no_linger, sizeof no_linger);
    REQUIRE(zmq_connect(stream, ("tcp://" + to_string(door->address())).c_str()) == 0);
    CHECK(wait_for(*door, [&] { return door->statistics().handshakes_failed >= 1 && door->statistics().connections == 0; }));
    zmq_close(stream);
    zmq_ctx_term(context);

    ZmqPeer owner(door->address(), "me");
    owner.send({"owner"});
    ConnectionId from;
    ZmqInbound message;
    REQUIRE(receive(*door, from, message));
    const auto accepted = door->statistics().connections_accepted;
    ZmqPeer twin(door->address(), "me");
    twin.send({"twin"});
    REQUIRE(wait_for(*door, [&] { return door->statistics().connections_accepted > accepted; }));
    REQUIRE(door->send(answer_to(from, "yours"), 0));
    CHECK(owner.receive() == std::vector<std::string>{"yours"});
    owner.send({"still the owner"});
    REQUIRE(receive(*door, from, message));
    CHECK(as_text(message.bytes(0)) == "still the owner");
}

TEST_CASE("a frame above the limit ends its connection only", "[front_door]") {
    const auto door = open_door();
    ZmqPeer polite(door->address()), rude(door->address());
    rude.send({std::string(limits::kMaxFrameBytes + 1, 'x')});
    CHECK(wait_for(*door, [&] { return door->statistics().connections_accepted >= 3; }));  // it came again
    polite.send({"hello"});
    ConnectionId from;
    ZmqInbound message;
    REQUIRE(receive(*door, from, message));
    CHECK(as_text(message.bytes(0)) == "hello");
}

TEST_CASE("a client of large messages does not stall one of small messages", "[front_door]") {
    const auto door = open_door();
    ZmqPeer small(door->address()), large(door->address());
    ConnectionId from;
    ZmqInbound message;
    for (int round = 0; round < 3; ++round) {
        // Not a multiple of anything: how far the queue's accounts lag behind depends on it.
        for (int i = 0; i < 301; ++i) {
            small.send({"x"});
            REQUIRE(receive(*door, from, message));
            CHECK(message.total_bytes() == 1);
        }
        for (int i = 0; i < 8; ++i) {
            large.send({std::string(1u << 20, 'y')});
            REQUIRE(receive(*door, from, message));
            CHECK(message.total_bytes() == 1u << 20);
        }
    }
}
