#include "node/io/wall_clock.h"

#include <catch2/catch.hpp>

using namespace sedge::node;

TEST_CASE("a clock that nothing synchronises is not trusted", "[wall_clock]") {
    ClockJudge judge;
    CHECK_FALSE(judge.trusted(0, 1'000'000, false));
    CHECK(judge.trusted(1, 1'000'001, true));
}

TEST_CASE("after a jump the clock is not trusted for a while", "[wall_clock]") {
    for (const std::int64_t jump : {3'600'000, -3'600'000}) {
        ClockJudge judge;
        const std::uint64_t wall = 100'000'000;
        CHECK(judge.trusted(0, wall, true));
        CHECK(judge.trusted(1'000, wall + 2'500, true));  // slewed, not stepped
        const auto after = wall + static_cast<std::uint64_t>(jump);
        CHECK_FALSE(judge.trusted(2'000, after + 2'000, true));
        CHECK_FALSE(judge.trusted(2'000 + ClockJudge::kDistrustMs - 1, after + 2'000 + ClockJudge::kDistrustMs, true));
        CHECK(judge.trusted(2'000 + ClockJudge::kDistrustMs, after + 2'000 + ClockJudge::kDistrustMs, true));
    }
}

TEST_CASE("the clocks move, and the user can vouch for the wall clock", "[wall_clock]") {
    WallClock clock(true);
    const Now first = clock.now(), second = clock.now();
    CHECK(first.wall_is_trusted);
    CHECK(second.monotonic_ms >= first.monotonic_ms);
    CHECK(first.wall_ms > 0);
}
