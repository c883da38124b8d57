#include "node/core/registers.h"

#include <catch2/catch.hpp>
#include <cstdlib>

#include "tests/unit/core/registers_world.h"

using namespace sedge;
using namespace sedge::node;

namespace {

using Bug = RegistersWorld::Bug;

// SEDGE_SEED=n replays one seed, SEDGE_SEEDS=n runs so many.
std::uint64_t number_of(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

RegistersWorld::Wanted world_of(std::uint64_t seed, Bug bug = Bug::none) {
    RegistersWorld::Wanted wanted;
    wanted.seed = seed;
    wanted.nodes = 1 + seed % 5;
    wanted.bug = bug;
    return wanted;
}

// What the bug broke in the first of `seeds` seeds that shows it. Runs that merely hang are none: a check must see it.
std::string seen_of(Bug bug, std::uint64_t seeds) {
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        RegistersWorld world(world_of(seed, bug));
        const auto wrong = world.run();
        if (wrong && !world.hangs()) return *wrong;
    }
    return {};
}

}  // namespace

TEST_CASE("registers are linearizable while nodes crash, links are cut and voters change", "[registers]") {
    const std::uint64_t only = number_of("SEDGE_SEED", 0);
    const std::uint64_t last = only != 0 ? only : number_of("SEDGE_SEEDS", 1'000);
    std::uint64_t voter_changes = 0, wiped = 0, finished = 0;
    for (std::uint64_t seed = std::max<std::uint64_t>(only, 1); seed <= last; ++seed) {
        RegistersWorld world(world_of(seed));
        const auto wrong = world.run();
        INFO("SEDGE_SEED=" << seed << ": " << wrong.value_or(""));
        REQUIRE(!wrong);
        voter_changes += world.voters_number() / 2;
        wiped += world.wiped();
        finished += world.finished();
    }
    if (only != 0) return;
    // The runs must be about what they claim to be about.
    CHECK(voter_changes > last);
    CHECK(wiped > last / 4);
    CHECK(finished > last * 10);
}

TEST_CASE("each planted bug is seen", "[registers]") {
    CHECK(seen_of(Bug::reply_before_durable, 500) != "");
    CHECK(seen_of(Bug::ballots_shared, 500) != "");
    CHECK(seen_of(Bug::fence_skipped, 500) != "");
    CHECK(seen_of(Bug::copy_skipped, 500) != "");
}
