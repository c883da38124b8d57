#include "node/io/wall_clock.h"

#include <sys/timex.h>
#include <time.h>

namespace sedge::node {
namespace {

constexpr std::uint64_t kQuestionIntervalMs = 1'000;  // the kernel is asked this often: it costs a system call

std::uint64_t read_ms(clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000 + static_cast<std::uint64_t>(time.tv_nsec) / 1'000'000;
}

bool kernel_says_synchronised() {
    timex state{};
    return adjtimex(&state) >= 0 && (state.status & STA_UNSYNC) == 0;
}

}  // namespace

bool ClockJudge::trusted(std::uint64_t monotonic_ms, std::uint64_t wall_ms, bool synchronised) {
    const auto difference = static_cast<std::int64_t>(wall_ms - monotonic_ms);
    const auto moved = difference > difference_ms_ ? difference - difference_ms_ : difference_ms_ - difference;
    if (has_sample_ && static_cast<std::uint64_t>(moved) > kJumpMs) distrust_until_ms_ = monotonic_ms + kDistrustMs;
    has_sample_ = true;
    difference_ms_ = difference;
    return synchronised && monotonic_ms >= distrust_until_ms_;
}

Now WallClock::now() {
    Now now{read_ms(CLOCK_BOOTTIME), read_ms(CLOCK_REALTIME), false};
    if (now.monotonic_ms >= next_question_ms_) {
        next_question_ms_ = now.monotonic_ms + kQuestionIntervalMs;
        synchronised_ = assume_synchronised_ || kernel_says_synchronised();
    }
    // At every reading: a jump must be noticed before anything is decided by the time that jumped.
    now.wall_is_trusted = judge_.trusted(now.monotonic_ms, now.wall_ms, synchronised_);
    return now;
}

}  // namespace sedge::node
