#include "node/core/retention.h"

#include <catch2/catch.hpp>

#include "node/core/random.h"

using namespace sedge;
using namespace sedge::node;

namespace {

struct Fixture {
    RetentionPolicy policy;
    RetentionLog log;
    Offset start, end;

    void append(std::uint64_t bytes, std::uint64_t time_ms, std::uint64_t records = 1) {
        log.on_append(end, bytes, time_ms, policy);
        end = end + records;
    }
    Offset keep(std::optional<std::uint64_t> now_ms) const { return log.keep_from(start, end, end, policy, now_ms); }
    void apply(std::optional<std::uint64_t> now_ms) {
        start = keep(now_ms);
        log.on_start_moved(start, end);
    }
};

}  // namespace

TEST_CASE("records go when all of their piece is older than the retention", "[retention]") {
    Fixture f;
    f.policy.max_age_ms = 3200;
    for (std::uint64_t time_ms = 0; time_ms <= 1000; time_ms += 10) f.append(100, time_ms);
    CHECK(f.keep(3200) == Offset{0});
    const Offset half = f.keep(3200 + 500);
    CHECK(half > Offset{30});
    CHECK(half <= Offset{50});  // never younger ones
    CHECK(f.keep(1'000'000) == f.end);
    CHECK(f.keep(std::nullopt) == Offset{0});
    f.apply(1'000'000);
    CHECK(f.log.bytes() == 0);
    CHECK(f.log.pieces().empty());
    f.append(100, 1'000'000);
    CHECK(f.log.bytes() == 100);
}

TEST_CASE("as many bytes are kept as was asked for, and little more", "[retention]") {
    Fixture f;
    f.policy.max_bytes = 1u << 20;
    for (int i = 0; i < 20'000; ++i) {
        f.append(1000, 0);
        f.apply(std::nullopt);
        if (f.end.value < 2000) continue;
        const std::uint64_t kept = 1000 * (f.end - f.start);
        REQUIRE(kept >= (1u << 20));
        REQUIRE(kept <= (1u << 20) + (1u << 16) + 2000);
        REQUIRE(f.log.bytes() == kept);
    }
}

TEST_CASE("the number of pieces is bounded, whatever is appended", "[retention]") {
    Random random(GENERATE(1u, 2u, 3u));
    Fixture f;
    if (random.chance(50)) f.policy.max_age_ms = 1 + random.below(100'000);
    if (random.chance(50)) f.policy.max_bytes = 1 + random.below(1'000'000);
    std::uint64_t time_ms = 0, total = 0;
    for (int i = 0; i < 5000; ++i) {
        time_ms += random.below(1000);
        const std::uint64_t bytes = 73 + random.below(1u << 20);
        total += bytes;
        f.append(bytes, time_ms, 1 + random.below(5));
        REQUIRE(f.log.pieces().size() <= RetentionLog::kMaxPieces);
    }
    CHECK(f.log.bytes() == total);
}

TEST_CASE("a clock that is set back expires nothing early", "[retention]") {
    Fixture f;
    f.policy.max_age_ms = 1000;
    f.append(100, 50'000);
    f.append(100, 10'000);
    f.append(100, 10'500);
    CHECK(f.keep(50'900) == Offset{0});
    CHECK(f.keep(60'000) == f.end);
}

TEST_CASE("what is not stored yet stays", "[retention]") {
    Fixture f;
    f.policy.max_age_ms = 1000;
    f.append(100, 0);
    f.append(100, 5000);
    f.append(100, 5001);
    CHECK(f.log.keep_from(Offset{0}, Offset{2}, f.end, f.policy, 100'000) <= Offset{1});
    CHECK(f.log.keep_from(Offset{0}, f.end, f.end, f.policy, 100'000) == f.end);
}

TEST_CASE("pieces come back from a checkpoint, or are refused", "[retention]") {
    Fixture f;
    f.policy.max_bytes = 100'000;
    for (int i = 0; i < 100; ++i) f.append(2000, 1000 + static_cast<std::uint64_t>(i));
    RetentionLog restored;
    REQUIRE(restored.restore(f.log.pieces(), f.log.open_since_ms()));
    CHECK(restored == f.log);
    auto pieces = f.log.pieces();
    std::swap(pieces[0], pieces[1]);
    CHECK(!restored.restore(pieces, 0));
    CHECK(!restored.restore(std::vector<RetentionLog::Piece>(RetentionLog::kMaxPieces + 1), 0));
}

TEST_CASE("records of a machine that thought it was 1970 do not expire when it learns the time", "[retention]") {
    constexpr std::uint64_t kDayMs = 24ull * 3600 * 1000;
    constexpr std::uint64_t kNowMs = 1'764'000'000'000;
    Fixture f;
    f.policy.max_age_ms = 7 * kDayMs;
    f.append(100, 5'000);
    f.append(100, 6'000);
    CHECK(f.keep(kNowMs) == Offset{0});
    // They are older than what follows them, so they go with it.
    f.append(100, kNowMs);
    CHECK(f.keep(kNowMs + 6 * kDayMs) == Offset{0});
    CHECK(f.keep(kNowMs + 8 * kDayMs) == f.end);
}
