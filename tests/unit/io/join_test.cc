#include "node/io/join.h"

#include <catch2/catch.hpp>
#include <csignal>
#include <future>
#include <poll.h>
#include <unistd.h>

#include "node/core/peer_envelope.h"
#include "node/io/node_identity.h"

using namespace sedge;
using namespace sedge::node;

namespace {

constexpr int kPatienceMs = 20'000;
constexpr NodeId kJoiner{11}, kMember{22};
const std::string kMesh = "0123456789abcdef0123456789abcdef";

std::unique_ptr<PeerDoor> open_door(HostPort listen = {"127.0.0.1", 0}) {
    PeerDoorOptions options;
    options.listen = std::move(listen);
    auto opened = PeerDoor::open(options);
    REQUIRE(opened.ok());
    return std::move(opened).value();
}

Signals open_signals() {
    auto opened = Signals::open();
    REQUIRE(opened.ok());
    return std::move(opened).value();
}

// Where its clients would connect.
HostPort member_address(const PeerDoor& door) { return {door.address().host, static_cast<std::uint16_t>(door.address().port - 1)}; }

// A node that joins, on a thread of its own; and a member as far as joining goes.
struct World {
    std::unique_ptr<PeerDoor> member = open_door(), joiner = open_door();
    Signals signals = open_signals();
    WallClock clock{true};
    std::future<Result<JoinAnswer>> joining;

    void join(std::vector<HostPort> members) {
        JoinOptions options;
        options.members = std::move(members);
        options.self.id = kJoiner;
        options.self.facts.name = "joiner";
        options.self.facts.peer_address = "tcp://" + to_string(joiner->address());
        options.start_nonce = 33;
        options.ask_again_ms = 20;
        joining = std::async(std::launch::async, [this, options] { return join_mesh(options, *joiner, clock, signals); });
    }

    // The next request to join that reaches the member.
    Member asked() {
        ZmqInbound message;
        for (int waited_ms = 0; waited_ms < kPatienceMs; waited_ms += 10) {
            if (!member->receive(message)) {
                pollfd polled{member->fd(), POLLIN, 0};
                if (!member->has_input()) ::poll(&polled, 1, 10);
                continue;
            }
            const auto envelope = decode_peer_envelope(message.bytes(0));
            REQUIRE(envelope);
            CHECK(envelope->kind == PeerKind::join_request);
            CHECK(envelope->mesh_id.empty());
            CHECK(envelope->from == kJoiner);
            CHECK(envelope->from_nonce == 33);
            const auto request = decode_join_request(envelope->payload);
            REQUIRE(request);
            return request->self;
        }
        FAIL("nobody asked");
        return {};
    }

    void answer(const JoinAnswer& answer, NodeId to = kJoiner, PeerKind kind = PeerKind::join_answer) {
        Buffer payload;
        encode_join_answer(answer, payload);
        SendPeer send{to, "tcp://" + to_string(joiner->address()), {}, {}};
        encode_peer_envelope({kPeerVersion, kMesh, kMember, 1, to, kind, payload}, send.header);
        member->send(std::move(send), 1);
    }

    Result<JoinAnswer> outcome() {
        REQUIRE(joining.wait_for(std::chrono::milliseconds(kPatienceMs)) == std::future_status::ready);
        return joining.get();
    }
};

}  // namespace

TEST_CASE("a node asks until it is let in", "[join]") {
    World world;
    auto nobody = open_door();
    const HostPort gone = member_address(*nobody);
    nobody.reset();
    world.join({gone, member_address(*world.member)});
    const Member self = world.asked();
    CHECK(self.id == kJoiner);
    CHECK(self.facts.name == "joiner");
    world.asked();  // and again
    Member friendly;
    friendly.id = kMember;
    world.answer({"", kMesh, {friendly}});
    const auto joined = world.outcome();
    REQUIRE(joined.ok());
    CHECK(joined->mesh_id == kMesh);
    CHECK(joined->members == std::vector{friendly});
}

TEST_CASE("a member that comes later is found", "[join]") {
    World world;
    const HostPort peers = world.member->address(), clients = member_address(*world.member);
    world.member.reset();
    world.join({clients});
    world.member = open_door(peers);
    world.asked();
    world.answer({"", kMesh, {}});
    CHECK(world.outcome().ok());
}

TEST_CASE("a refusal ends it, with the reason", "[join]") {
    World world;
    world.join({member_address(*world.member)});
    world.asked();
    world.answer({"give this one another --name", "", {}});
    const auto joined = world.outcome();
    REQUIRE(!joined.ok());
    CHECK(joined.status().code == ErrorCode::invalid_config);
    CHECK(joined.status().message == "the mesh refuses this node: give this one another --name");
}

TEST_CASE("what is no answer for this node lets nobody in", "[join]") {
    World world;
    world.join({member_address(*world.member)});
    world.asked();
    world.answer({"", std::string(32, 'f'), {}}, NodeId{99});                        // for somebody else
    world.answer({"", std::string(32, 'f'), {}}, kJoiner, PeerKind::join_request);    // something else
    world.answer({"", "................................", {}});                      // no mesh's id
    world.answer({"", std::string(31, 'a') + "\n", {}});
    world.answer({"", kNoMesh, {}});
    world.member->send({kJoiner, "tcp://" + to_string(world.joiner->address()), Buffer(100, std::byte{0xc1}), {}}, 1);
    world.member->send({kJoiner, "tcp://" + to_string(world.joiner->address()), {}, {}}, 1);
    world.answer({"", kMesh, {}});
    const auto joined = world.outcome();
    REQUIRE(joined.ok());
    CHECK(joined->mesh_id == kMesh);
}

TEST_CASE("a signal ends it", "[join]") {
    World world;
    world.join({member_address(*world.member)});
    world.asked();
    REQUIRE(::kill(::getpid(), SIGTERM) == 0);
    const auto joined = world.outcome();
    REQUIRE(!joined.ok());
    CHECK(joined.status().code == ErrorCode::shutting_down);
}
