#include "node/core/membership.h"

#include <catch2/catch.hpp>
#include <memory>
#include <set>

using namespace sedge;
using namespace sedge::node;

namespace {

Member make_member(std::uint64_t id, std::uint64_t incarnation = 1) {
    Member member;
    member.id = NodeId{id};
    member.incarnation = incarnation;
    member.facts.name = "n" + std::to_string(id);
    return member;
}

// Nodes in virtual time, over a network that loses and delays. Every message passes through its bytes.
class GossipWorld {
  public:
    GossipWorld(std::uint64_t seed, std::size_t nodes, std::uint32_t loss_percent)
        : random_(seed), loss_percent_(loss_percent) {
        for (std::size_t i = 1; i <= nodes; ++i) start(i, 1);
        for (std::size_t i = 2; i <= nodes; ++i) at(i).meet(0, make_member(1));
    }

    void start(std::uint64_t id, std::uint64_t incarnation) {
        nodes_[id] = std::make_unique<Membership>(make_member(id, incarnation), MembershipOptions{}, random_.next());
    }
    void kill(std::uint64_t id) { nodes_.erase(id); }
    Membership& at(std::uint64_t id) { return *nodes_.at(id); }
    void cut_off(std::set<std::uint64_t> side) { side_ = std::move(side); }

    // Runs until `reached` holds; false when it does not within `limit_ms`.
    template <class Condition>
    bool run_until(std::uint64_t limit_ms, Condition reached) {
        for (const std::uint64_t end = now_ms_ + limit_ms; now_ms_ < end; ++now_ms_) {
            for (auto& [id, node] : nodes_) {
                if (now_ms_ >= node->next_tick_ms()) node->on_tick(now_ms_);
                post(id, *node);
            }
            deliver();
            if (reached()) return true;
        }
        return false;
    }

    bool all_see(std::uint64_t target, MemberState state) {
        for (auto& [id, node] : nodes_) {
            if (id == target) continue;
            const Member* member = node->find(NodeId{target});
            if (member == nullptr || member->state != state) return false;
        }
        return true;
    }

    bool all_alive() {
        for (auto& [id, node] : nodes_)
            if (!all_see(id, MemberState::alive)) return false;
        return true;
    }

    std::uint64_t now_ms() const { return now_ms_; }
    std::size_t deaths_seen() const { return deaths_; }

  private:
    struct Letter {
        std::uint64_t from, to, due_ms;
        Buffer bytes;
    };

    void post(std::uint64_t from, Membership& node) {
        for (const auto& outgoing : node.take_messages()) {
            Buffer bytes;
            encode_gossip(outgoing.message, bytes);
            letters_.push_back({from, outgoing.to.value, now_ms_ + 1 + random_.below(20), std::move(bytes)});
        }
        for (const auto& change : node.take_changes()) deaths_ += change.now.state == MemberState::dead ? 1 : 0;
    }

    void deliver() {
        std::vector<Letter> later;
        for (Letter& letter : std::exchange(letters_, {})) {
            if (letter.due_ms > now_ms_) {
                later.push_back(std::move(letter));
                continue;
            }
            const bool cut = side_.contains(letter.from) != side_.contains(letter.to);
            const auto to = nodes_.find(letter.to);
            if (cut || to == nodes_.end() || random_.chance(loss_percent_)) continue;
            const auto message = decode_gossip(letter.bytes);
            REQUIRE(message);
            to->second->on_message(now_ms_, NodeId{letter.from}, *message);
        }
        letters_ = std::move(later);
    }

    Random random_;
    std::uint32_t loss_percent_;
    std::uint64_t now_ms_ = 0;
    std::size_t deaths_ = 0;
    std::map<std::uint64_t, std::unique_ptr<Membership>> nodes_;
    std::set<std::uint64_t> side_;
    std::vector<Letter> letters_;
};

}  // namespace

TEST_CASE("nodes that met one other get to know all, at any loss", "[membership]") {
    for (const std::uint32_t loss : {0u, 10u, 30u}) {
        for (std::uint64_t seed = 1; seed <= 5; ++seed) {
            INFO("loss " << loss << " seed " << seed);
            GossipWorld world(seed, 10, loss);
            CHECK(world.run_until(120'000, [&] { return world.all_alive(); }));
        }
    }
}

TEST_CASE("a node that falls silent is declared dead by all within a few probe intervals", "[membership]") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        INFO("seed " << seed);
        GossipWorld world(seed, 5, 0);
        REQUIRE(world.run_until(60'000, [&] { return world.all_alive(); }));
        world.kill(3);
        CHECK(world.run_until(20'000, [&] { return world.all_see(3, MemberState::dead); }));
    }
}

TEST_CASE("a lost connection makes a death known faster than silence", "[membership]") {
    GossipWorld world(1, 3, 0);
    REQUIRE(world.run_until(60'000, [&] { return world.all_alive(); }));
    world.kill(3);
    world.at(1).on_connection_lost(world.now_ms(), NodeId{3});
    world.at(2).on_connection_lost(world.now_ms(), NodeId{3});
    CHECK(world.run_until(2'500, [&] { return world.all_see(3, MemberState::dead); }));
}

TEST_CASE("a living node refutes its suspicion", "[membership]") {
    GossipWorld world(2, 5, 0);
    REQUIRE(world.run_until(60'000, [&] { return world.all_alive(); }));
    const std::uint64_t before = world.at(3).self().incarnation;
    world.at(1).on_connection_lost(world.now_ms(), NodeId{3});
    CHECK(world.at(1).find(NodeId{3})->state == MemberState::suspect);
    CHECK(world.run_until(10'000, [&] { return world.all_see(3, MemberState::alive) && world.at(3).self().incarnation > before; }));
    CHECK(world.deaths_seen() == 0);
}

TEST_CASE("a healthy mesh with lossy links sees no deaths", "[membership]") {
    std::size_t deaths = 0;
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        GossipWorld world(seed, 8, 5);
        REQUIRE(world.run_until(60'000, [&] { return world.all_alive(); }));
        world.run_until(120'000, [] { return false; });
        deaths += world.deaths_seen();
    }
    CHECK(deaths == 0);
}

TEST_CASE("halves that called each other dead find together again", "[membership]") {
    GossipWorld world(4, 6, 0);
    REQUIRE(world.run_until(60'000, [&] { return world.all_alive(); }));
    world.cut_off({1, 2, 3});
    REQUIRE(world.run_until(120'000, [&] {
        return world.at(1).find(NodeId{4})->state == MemberState::dead && world.at(4).find(NodeId{1})->state == MemberState::dead;
    }));
    world.cut_off({});
    CHECK(world.run_until(240'000, [&] { return world.all_alive(); }));
}

TEST_CASE("a restarted node comes back with its next life, and leaving is not dying", "[membership]") {
    GossipWorld world(5, 4, 0);
    REQUIRE(world.run_until(60'000, [&] { return world.all_alive(); }));
    world.kill(2);
    REQUIRE(world.run_until(60'000, [&] { return world.all_see(2, MemberState::dead); }));
    world.start(2, std::uint64_t{2} << 32);
    world.at(2).meet(world.now_ms(), make_member(3));
    CHECK(world.run_until(60'000, [&] { return world.all_alive(); }));
    world.at(4).leave(world.now_ms());
    CHECK(world.run_until(10'000, [&] { return world.all_see(4, MemberState::left); }));
}

TEST_CASE("gossip that is cut short or too large is refused", "[membership]") {
    GossipMessage message{Ping{1, NodeId{2}}, {make_member(7)}};
    message.rumours[0].facts.labels = {{"site", "hill"}};
    Buffer bytes;
    encode_gossip(message, bytes);
    const auto back = decode_gossip(bytes);
    REQUIRE(back);
    CHECK(back->rumours == message.rumours);
    for (std::size_t size = 0; size < bytes.size(); ++size) CHECK(!decode_gossip(ByteView(bytes).first(size)));

    message.rumours[0].facts.name.assign(gossip_limits::kMaxTextBytes + 1, 'x');
    Buffer large;
    encode_gossip(message, large);
    CHECK(!decode_gossip(large));
}
