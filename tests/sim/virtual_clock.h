// Virtual time: a monotonic clock that only the simulation moves, and a wall clock beside it that may jump.
#pragma once

#include <cstdint>

#include "node/core/effects.h"

namespace sedge::sim {

class VirtualClock {
  public:
    std::uint64_t now_us() const { return now_us_; }
    std::uint64_t now_ms() const { return now_us_ / 1000; }
    std::uint64_t wall_ms() const {
        const std::int64_t wall = static_cast<std::int64_t>(now_ms()) + wall_offset_ms_;
        return wall < 0 ? 0 : static_cast<std::uint64_t>(wall);
    }
    bool trusted() const { return now_us_ >= distrust_until_us_; }
    node::Now now() const { return {now_ms(), wall_ms(), trusted()}; }

    // Never goes back: an event that is due in the past (after a sleep of the machine) happens now.
    void advance_to(std::uint64_t at_us) {
        if (at_us > now_us_) now_us_ = at_us;
    }
    // Beyond kTrustedJumpMs the shell notices, and distrusts the clock for a while.
    void jump_wall(std::int64_t by_ms) {
        wall_offset_ms_ += by_ms;
        if (by_ms > kTrustedJumpMs || by_ms < -kTrustedJumpMs) distrust_for(kDistrustUs);
    }
    void distrust_for(std::uint64_t duration_us) {
        const std::uint64_t until = now_us_ + duration_us;
        if (until > distrust_until_us_) distrust_until_us_ = until;
    }
    // The true time, and no doubt about it.
    void mend() {
        wall_offset_ms_ = kTrueOffsetMs;
        distrust_until_us_ = 0;
    }

    static constexpr std::int64_t kTrustedJumpMs = 1'500;
    static constexpr std::uint64_t kDistrustUs = 300'000'000;
    static constexpr std::int64_t kTrueOffsetMs = 1'700'000'000'000;

  private:
    std::uint64_t now_us_ = 1'000'000;
    std::int64_t wall_offset_ms_ = kTrueOffsetMs;
    std::uint64_t distrust_until_us_ = 0;
};

}  // namespace sedge::sim
