// The two clocks of Now, and whether the wall clock can be believed (DESIGN 3: retention pauses while it cannot).
#pragma once

#include <cstdint>

#include "node/core/effects.h"

namespace sedge::node {

// Judges the wall clock from samples of both clocks. Pure, so that it can be tested.
class ClockJudge {
  public:
    static constexpr std::uint64_t kJumpMs = 2'000;            // more than this against the monotonic clock is a jump
    static constexpr std::uint64_t kDistrustMs = 5 * 60'000;   // after a jump

    // `synchronised`: what the system says about itself.
    bool trusted(std::uint64_t monotonic_ms, std::uint64_t wall_ms, bool synchronised);

  private:
    bool has_sample_ = false;
    std::int64_t difference_ms_ = 0;  // wall - monotonic at the last sample
    std::uint64_t distrust_until_ms_ = 0;
};

// Event loop only.
class WallClock {
  public:
    // `assume_synchronised`: the user vouches for the clock (a node that gets no time from a network, say).
    explicit WallClock(bool assume_synchronised) : assume_synchronised_(assume_synchronised) {}
    Now now();

  private:
    const bool assume_synchronised_;
    ClockJudge judge_;
    std::uint64_t next_question_ms_ = 0;
    bool synchronised_ = false;
};

}  // namespace sedge::node
