// What a benchmark counts: a clock, latencies, figures, and medians over rounds.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

namespace sedge::cli {

// Nanoseconds of a clock that only goes forward.
inline std::uint64_t clock_ns() {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count());
}

inline constexpr double kNsPerSecond = 1e9;
inline constexpr double kBytesPerMb = 1e6;

// What one run of one kind of work came to. A figure that the work has no use for is 0.
struct Figures {
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;
    double seconds = 0;
    double p50_us = 0, p99_us = 0, p999_us = 0, max_us = 0;

    double records_per_s() const { return seconds > 0 ? static_cast<double>(records) / seconds : 0; }
    double mb_per_s() const { return seconds > 0 ? static_cast<double>(bytes) / kBytesPerMb / seconds : 0; }
};

// Collects how long single pieces of work took.
class Latencies {
  public:
    void reserve(std::uint64_t count) { ns_.reserve(count); }
    void add(std::uint64_t ns) { ns_.push_back(ns); }
    // Fills the percentiles of `figures`; leaves them 0 if nothing was added. Sorts what was collected.
    void summarise(Figures& figures);

  private:
    std::vector<std::uint64_t> ns_;
};

// The middle value; 0 of none.
double median(std::vector<double> values);

}  // namespace sedge::cli
