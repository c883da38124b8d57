// How long a suspect has to refute before it is declared dead, and how much a slow node trusts its own suspicions.
// Lifeguard: Dadgar, Phillips, Currey, "Lifeguard: Local Health Awareness for More Accurate Failure Detection", 2018.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace sedge::node {

// Starts at `max_ms` and falls towards `min_ms` with each independent confirmation, logarithmically: the first ones count most.
// After `wanted` confirmations it is at the minimum. With nobody to ask (wanted = 0) it is at the minimum from the start.
inline std::uint64_t suspicion_timeout_ms(std::uint64_t min_ms, std::uint64_t max_ms, std::uint32_t wanted,
                                          std::uint32_t confirmations) {
    if (wanted == 0 || confirmations >= wanted) return min_ms;
    const double part = std::log(confirmations + 1.0) / std::log(wanted + 1.0);
    return max_ms - static_cast<std::uint64_t>(part * static_cast<double>(max_ms - min_ms));
}

// The minimum grows with the mesh, since a refutation needs about log10(n) rounds of gossip to come through.
inline std::uint64_t suspicion_min_ms(std::uint64_t probe_interval_ms, std::size_t nodes, double multiplier) {
    const double rounds = std::max(1.0, std::log10(static_cast<double>(std::max<std::size_t>(nodes, 1))));
    return static_cast<std::uint64_t>(multiplier * rounds * static_cast<double>(probe_interval_ms));
}

// The local health multiplier: how late this node itself seems to be. Missed answers and refuted suspicions raise it, answered probes
// lower it; time-outs are stretched by (score + 1), so that a slow node does not call everybody else dead.
class LocalHealth {
  public:
    static constexpr std::uint32_t kWorst = 8;
    void worse(std::uint32_t by = 1) { score_ = std::min(score_ + by, kWorst); }
    void better() { score_ = score_ == 0 ? 0 : score_ - 1; }
    std::uint32_t score() const { return score_; }
    std::uint64_t stretch(std::uint64_t time_ms) const { return time_ms * (score_ + 1); }

  private:
    std::uint32_t score_ = 0;
};

}  // namespace sedge::node
