#include "node/core/leader_replicas.h"

#include <catch2/catch.hpp>

using namespace sedge;
using namespace sedge::node;

namespace {

const Replica kA{NodeId{1}, LogId{10}};
const Replica kB{NodeId{2}, LogId{20}};
const Replica kC{NodeId{3}, LogId{30}};

PartitionRegister led_by_a(std::vector<Replica> isr) { return {Epoch{4}, NodeId{1}, 77, false, std::move(isr)}; }

}  // namespace

TEST_CASE("the high watermark is the lowest durable end of the ISR, and waits for every member", "[leader_replicas]") {
    LeaderReplicas replicas(kA, led_by_a({kA, kB, kC}), Offset{50}, Offset{60}, 2);
    replicas.on_own_durable(Offset{100});
    CHECK(replicas.high_watermark() == Offset{50});  // a new epoch is a rejoin for everyone
    replicas.on_follower_durable(0, kB, Offset{80});
    CHECK(replicas.high_watermark() == Offset{50});
    replicas.on_follower_durable(0, kC, Offset{90});
    CHECK(replicas.high_watermark() == Offset{80});
    replicas.on_follower_durable(0, kB, Offset{70});  // late news
    CHECK(replicas.high_watermark() == Offset{80});
    replicas.on_follower_durable(0, kB, Offset{120});
    CHECK(replicas.high_watermark() == Offset{90});
}

TEST_CASE("nothing advances before the epoch is durable here", "[leader_replicas]") {
    LeaderReplicas replicas(kA, led_by_a({kA, kB}), Offset{50}, Offset{60}, 1);
    replicas.on_follower_durable(0, kB, Offset{60});
    CHECK(replicas.high_watermark() == Offset{50});
    CHECK(!replicas.lagging(100'000, 1'000));
    replicas.on_own_durable(Offset{60});
    CHECK(replicas.high_watermark() == Offset{60});
}

TEST_CASE("a proposed addition counts at once, a proposed removal only when chosen", "[leader_replicas]") {
    LeaderReplicas replicas(kA, led_by_a({kA, kB}), Offset{0}, Offset{0}, 1);
    replicas.on_own_durable(Offset{100});
    replicas.on_follower_durable(0, kB, Offset{40});
    CHECK(replicas.high_watermark() == Offset{40});

    replicas.on_isr_proposed({kA});
    replicas.on_own_durable(Offset{110});
    CHECK(replicas.high_watermark() == Offset{40});
    replicas.on_chosen(led_by_a({kA}));
    CHECK(replicas.high_watermark() == Offset{110});

    replicas.on_follower_durable(0, kC, Offset{110});
    CHECK(replicas.ready_to_join(0, 1'000) == kC);
    replicas.on_isr_proposed({kA, kC});
    CHECK(!replicas.ready_to_join(0, 1'000));
    replicas.on_own_durable(Offset{150});
    CHECK(replicas.high_watermark() == Offset{110});
    replicas.on_follower_durable(0, kC, Offset{130});
    CHECK(replicas.high_watermark() == Offset{130});
}

TEST_CASE("the watermark stands still while too few are in sync", "[leader_replicas]") {
    LeaderReplicas replicas(kA, led_by_a({kA}), Offset{0}, Offset{0}, 2);
    replicas.on_own_durable(Offset{100});
    CHECK(!replicas.enough_in_sync());
    CHECK(replicas.high_watermark() == Offset{0});
    replicas.on_follower_durable(0, kB, Offset{100});
    replicas.on_chosen(led_by_a({kA, kB}));
    CHECK(replicas.high_watermark() == Offset{100});
}

TEST_CASE("a register of another epoch or start changes nothing", "[leader_replicas]") {
    LeaderReplicas replicas(kA, led_by_a({kA, kB}), Offset{0}, Offset{0}, 1);
    replicas.on_own_durable(Offset{100});
    PartitionRegister other = led_by_a({kA});
    other.epoch = Epoch{5};
    replicas.on_chosen(other);
    other = led_by_a({kA});
    other.leader_nonce = 78;
    replicas.on_chosen(other);
    CHECK(replicas.high_watermark() == Offset{0});
}

TEST_CASE("who lags is named, who keeps up is not", "[leader_replicas]") {
    LeaderReplicas replicas(kA, led_by_a({kA, kB, kC}), Offset{0}, Offset{0}, 1);
    replicas.on_own_durable(Offset{100});
    replicas.on_follower_durable(1000, kB, Offset{100});
    replicas.on_follower_durable(1000, kC, Offset{100});
    CHECK(!replicas.lagging(9000, 2000));
    replicas.on_own_durable(Offset{200});
    replicas.on_follower_durable(9000, kB, Offset{200});
    CHECK(replicas.lagging(9500, 2000) == kC);
}
