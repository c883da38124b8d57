// Several brokers as one mesh: agreed topics, replicas, failover.
#include "tests/unit/core/mesh_shell.h"

using namespace sedge;
using namespace sedge::node;

namespace {

CreateTopicRequest replicated(std::string_view topic, std::uint32_t partitions = 1, std::string_view min_insync = "2") {
    return {topic, partitions, 3, {{"min_insync", min_insync}}};
}

bool all_alive(MeshShell& mesh, std::size_t nodes) {
    for (std::size_t i = 0; i < nodes; ++i) {
        const auto answer = mesh.ask(i, ClusterInfoRequest{});
        const auto& info = body_of<ClusterInfoResponse>(answer);
        if (info.nodes.size() != nodes) return false;
        for (const NodeInfo& node : info.nodes)
            if (node.state != "alive") return false;
    }
    return true;
}

std::size_t voters(MeshShell& mesh, std::size_t asked = 0) {
    const auto answer = mesh.ask(asked, ClusterInfoRequest{});
    const auto& info = body_of<ClusterInfoResponse>(answer);
    return static_cast<std::size_t>(std::count_if(info.nodes.begin(), info.nodes.end(), [](const NodeInfo& node) { return node.voter; }));
}

bool in_sync(MeshShell& mesh, std::string_view topic, std::size_t replicas) {
    const auto leader = mesh.leader(topic);
    return leader && mesh.view(*leader, topic)->isr.size() == replicas;
}

}  // namespace

TEST_CASE("three nodes become one mesh with three voters", "[broker_mesh]") {
    MeshShell mesh(3);
    REQUIRE(mesh.until([&] { return all_alive(mesh, 3); }));
    CHECK(mesh.until([&] { return voters(mesh) == 3; }));
    CHECK(mesh.until([&] { return voters(mesh, 2) == 3; }));
}

TEST_CASE("a topic made on one node is known on all, and replicated", "[broker_mesh]") {
    MeshShell mesh(3);
    REQUIRE(mesh.until([&] { return all_alive(mesh, 3) && voters(mesh) == 3; }));
    CHECK(MeshShell::error(mesh.ask(1, replicated("t"))) == ErrorCode::ok);
    REQUIRE(mesh.until([&] { return in_sync(mesh, "t", 3); }));
    for (std::size_t i = 0; i < 3; ++i) {
        const auto answer = mesh.ask(i, plain_record("t", "from " + std::to_string(i)));
        const auto& stored = body_of<ProduceResponse>(answer);
        CHECK(stored.offset == Offset{i});
        CHECK(stored.durable_copies == 3);
    }
    for (std::size_t i = 0; i < 3; ++i) CHECK(values_of(mesh.ask(i, fetch_request("t", 0))).size() == 3);
    for (std::size_t i = 0; i < 3; ++i) CHECK(mesh.log(i, "t") == mesh.log(0, "t"));
    CHECK(mesh.log(0, "t").size() == 3);
}

TEST_CASE("when the leader dies another one goes on, and the dead one catches up when it is back", "[broker_mesh]") {
    MeshShell mesh(3);
    REQUIRE(mesh.until([&] { return all_alive(mesh, 3) && voters(mesh) == 3; }));
    REQUIRE(MeshShell::error(mesh.ask(0, replicated("t"))) == ErrorCode::ok);
    REQUIRE(mesh.until([&] { return in_sync(mesh, "t", 3); }));
    std::uint64_t records = 0;
    for (int round = 0; round < 4; ++round) {
        const std::size_t leader = *mesh.leader("t");
        const std::size_t other = (leader + 1) % 3;
        for (int i = 0; i < 5; ++i)
            REQUIRE(body_of<ProduceResponse>(mesh.ask(other, plain_record("t", "x"))).offset == Offset{records++});
        const std::uint64_t killed_ms = mesh.now.monotonic_ms;
        mesh.kill(leader);
        REQUIRE(mesh.until([&] { return mesh.leader("t") && *mesh.leader("t") != leader; }));
        while (MeshShell::error(mesh.ask(other, plain_record("t", "y"))) != ErrorCode::ok) mesh.step();
        ++records;
        INFO("gap of " << mesh.now.monotonic_ms - killed_ms << " ms");
        CHECK(mesh.now.monotonic_ms - killed_ms < 3'000);
        mesh.start(leader);
        REQUIRE(mesh.until([&] { return in_sync(mesh, "t", 3); }));
        REQUIRE(mesh.until([&] { return mesh.log(leader, "t") == mesh.log(other, "t"); }));
    }
    CHECK(mesh.view(0, "t")->end == Offset{records});
}

TEST_CASE("what a leader stored alone is cut off when it comes back", "[broker_mesh]") {
    MeshShell mesh(3);
    REQUIRE(mesh.until([&] { return all_alive(mesh, 3) && voters(mesh) == 3; }));
    REQUIRE(MeshShell::error(mesh.ask(0, replicated("t"))) == ErrorCode::ok);
    REQUIRE(mesh.until([&] { return in_sync(mesh, "t", 3); }));
    REQUIRE(MeshShell::error(mesh.ask(0, plain_record("t", "kept"))) == ErrorCode::ok);
    const std::size_t leader = *mesh.leader("t");
    for (std::size_t i = 0; i < 3; ++i) {
        mesh.cut.insert({leader, i});
        mesh.cut.insert({i, leader});
    }
    const auto lost = mesh.send(leader, plain_record("t", "lost"));
    mesh.pass(20);
    CHECK(!mesh.take(lost));
    CHECK(mesh.log(leader, "t").size() == 2);
    REQUIRE(mesh.until([&] { return mesh.leader("t") != leader; }));
    const std::size_t next = *mesh.leader("t");
    REQUIRE(MeshShell::error(mesh.ask(next, plain_record("t", "instead"))) == ErrorCode::ok);
    mesh.cut.clear();
    REQUIRE(mesh.until([&] { return mesh.log(leader, "t") == mesh.log(next, "t"); }));
    CHECK(mesh.log(leader, "t").size() == 2);
    const auto told = mesh.take(lost);
    REQUIRE(told);
    CHECK(MeshShell::error(*told) == ErrorCode::not_leader);
    REQUIRE(mesh.until([&] { return in_sync(mesh, "t", 3); }));
}

TEST_CASE("a node that comes back with an empty disk is filled again before it counts", "[broker_mesh]") {
    MeshShell mesh(3);
    REQUIRE(mesh.until([&] { return all_alive(mesh, 3) && voters(mesh) == 3; }));
    REQUIRE(MeshShell::error(mesh.ask(0, replicated("t"))) == ErrorCode::ok);
    REQUIRE(mesh.until([&] { return in_sync(mesh, "t", 3); }));
    for (int i = 0; i < 50; ++i) REQUIRE(MeshShell::error(mesh.ask(0, plain_record("t", "x"))) == ErrorCode::ok);
    const std::size_t wiped = (*mesh.leader("t") + 1) % 3;
    mesh.kill(wiped);
    mesh.wipe(wiped);
    mesh.pass(2'000);
    mesh.start(wiped);
    REQUIRE(mesh.until([&] { return mesh.view(wiped, "t") && mesh.view(wiped, "t")->end == Offset{50}; }));
    REQUIRE(mesh.until([&] { return in_sync(mesh, "t", 3); }));
    CHECK(mesh.log(wiped, "t") == mesh.log(*mesh.leader("t"), "t"));
}

TEST_CASE("a mesh that loses power as a whole comes back with everything", "[broker_mesh]") {
    MeshShell mesh(3);
    REQUIRE(mesh.until([&] { return all_alive(mesh, 3) && voters(mesh) == 3; }));
    REQUIRE(MeshShell::error(mesh.ask(2, replicated("t", 4))) == ErrorCode::ok);
    REQUIRE(mesh.until([&] { return in_sync(mesh, "t", 3); }));
    for (int i = 0; i < 10; ++i) REQUIRE(MeshShell::error(mesh.ask(0, plain_record("t", "x"))) == ErrorCode::ok);
    for (std::size_t i = 0; i < 3; ++i) mesh.kill(i, false);
    for (std::size_t i = 0; i < 3; ++i) mesh.start(i);
    REQUIRE(mesh.until([&] { return in_sync(mesh, "t", 3); }, 60'000));
    CHECK(body_of<ProduceResponse>(mesh.ask(1, plain_record("t", "next"))).offset == Offset{10});
}

TEST_CASE("without enough replicas in sync nothing is stored", "[broker_mesh]") {
    MeshShell mesh(3);
    REQUIRE(mesh.until([&] { return all_alive(mesh, 3) && voters(mesh) == 3; }));
    REQUIRE(MeshShell::error(mesh.ask(0, replicated("t", 1, "3"))) == ErrorCode::ok);
    REQUIRE(mesh.until([&] { return in_sync(mesh, "t", 3); }));
    const std::size_t leader = *mesh.leader("t");
    mesh.kill((leader + 1) % 3);
    REQUIRE(mesh.until([&] { return in_sync(mesh, "t", 2); }));
    CHECK(MeshShell::error(mesh.ask(leader, plain_record("t", "x"))) == ErrorCode::not_enough_replicas);
}

TEST_CASE("every partition of every topic gets a leader", "[broker_mesh]") {
    MeshShell mesh(3);
    REQUIRE(mesh.until([&] { return all_alive(mesh, 3) && voters(mesh) == 3; }));
    for (const std::string name : {"t", "u", "v", "w"}) {
        REQUIRE(MeshShell::error(mesh.ask(0, replicated(name, 5))) == ErrorCode::ok);
        for (std::uint32_t partition = 0; partition < 5; ++partition) CHECK(mesh.until([&] { return mesh.leader(name, partition).has_value(); }, 5'000));
    }
}
