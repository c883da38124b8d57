#include "node/core/partition_register.h"

#include <algorithm>
#include <catch2/catch.hpp>

using namespace sedge;
using namespace sedge::node;

namespace {

const Replica kA{NodeId{1}, LogId{10}};
const Replica kB{NodeId{2}, LogId{20}};
const Replica kC{NodeId{3}, LogId{30}};
const PartitionRegister kLedByA{Epoch{4}, NodeId{1}, 77, false, {kA, kB}};

std::function<bool(NodeId)> dead(std::initializer_list<NodeId> nodes) {
    return [list = std::vector<NodeId>(nodes)](NodeId node) {
        return std::find(list.begin(), list.end(), node) != list.end();
    };
}

}  // namespace

TEST_CASE("only an in-sync log takes over, and only from a leader that is gone", "[partition_register]") {
    CHECK(!take_over(kLedByA, kB, 5, dead({})));
    CHECK(!take_over(kLedByA, kC, 5, dead({NodeId{1}})));
    CHECK(!take_over(kLedByA, {NodeId{2}, LogId{21}}, 5, dead({NodeId{1}})));  // its disk was wiped since

    const auto next = take_over(kLedByA, kB, 5, dead({NodeId{1}}));
    REQUIRE(next);
    CHECK(*next == PartitionRegister{Epoch{5}, NodeId{2}, 5, false, {kB}});

    PartitionRegister resigned = kLedByA;
    resigned.resigned = true;
    const auto handed_over = take_over(resigned, kB, 5, dead({}));
    REQUIRE(handed_over);
    CHECK(handed_over->isr == std::vector{kA, kB});
}

TEST_CASE("a restarted leader must win a new epoch", "[partition_register]") {
    CHECK(!take_over(kLedByA, kA, 77, dead({})));
    const auto next = take_over(kLedByA, kA, 78, dead({}));
    REQUIRE(next);
    CHECK(next->epoch == Epoch{5});
    CHECK(next->leader_nonce == 78);
    CHECK(next->isr == std::vector{kA, kB});
}

TEST_CASE("only the leader of exactly this epoch and start changes the ISR", "[partition_register]") {
    CHECK(!add_to_isr(kLedByA, Epoch{3}, 77, kC));
    CHECK(!add_to_isr(kLedByA, Epoch{4}, 76, kC));
    CHECK(!add_to_isr(kLedByA, Epoch{4}, 77, kB));
    CHECK(add_to_isr(kLedByA, Epoch{4}, 77, kC)->isr == std::vector{kA, kB, kC});
    CHECK(add_to_isr(kLedByA, Epoch{4}, 77, {NodeId{2}, LogId{21}})->isr == std::vector<Replica>{kA, {NodeId{2}, LogId{21}}});
    CHECK(!remove_from_isr(kLedByA, Epoch{4}, 77, kA));
    CHECK(remove_from_isr(kLedByA, Epoch{4}, 77, kB)->isr == std::vector{kA});
    const auto resigned = resign(kLedByA, Epoch{4}, 77);
    REQUIRE(resigned);
    CHECK(!add_to_isr(*resigned, Epoch{4}, 77, kC));
    CHECK(!resign(*resigned, Epoch{4}, 77));
}

TEST_CASE("a partition is founded once", "[partition_register]") {
    CHECK(found_partition(std::nullopt, kA, 7)->isr == std::vector{kA});
    CHECK(!found_partition(kLedByA, kB, 7));
}

TEST_CASE("the register comes back from its bytes, and cut bytes do not", "[partition_register]") {
    Buffer bytes;
    encode_partition_register(kLedByA, bytes);
    CHECK(decode_partition_register(bytes) == kLedByA);
    for (std::size_t size = 0; size < bytes.size(); ++size)
        CHECK(!decode_partition_register(ByteView(bytes).first(size)));
}
