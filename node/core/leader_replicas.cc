#include "node/core/leader_replicas.h"

#include <algorithm>

namespace sedge::node {

LeaderReplicas::LeaderReplicas(Replica self, PartitionRegister chosen, Offset floor, Offset epoch_start,
                               std::uint32_t min_insync, std::uint64_t began_ms)
    : self_(self),
      chosen_(std::move(chosen)),
      high_watermark_(floor),
      epoch_start_(epoch_start),
      min_insync_(min_insync),
      began_ms_(began_ms) {}

void LeaderReplicas::on_own_durable(Offset end) {
    own_end_ = std::max(own_end_.value_or(Offset{}), end);
    update();
}

void LeaderReplicas::on_follower_durable(std::uint64_t now_ms, Replica replica, Offset end) {
    Progress& progress = followers_[replica];
    progress.end = std::max(progress.end, end);
    if (own_end_ && progress.end >= progress.target) {
        progress.caught_up_ms = progress.end >= *own_end_ ? now_ms : std::max(progress.caught_up_ms, progress.target_ms);
        progress.target = *own_end_;
        progress.target_ms = now_ms;
    }
    update();
}

void LeaderReplicas::on_isr_proposed(const std::vector<Replica>& isr) { proposed_ = isr; }

void LeaderReplicas::on_chosen(const PartitionRegister& chosen) {
    if (chosen.epoch != chosen_.epoch || chosen.leader_nonce != chosen_.leader_nonce) return;
    chosen_ = chosen;
    proposed_.reset();
    update();
}

std::optional<Offset> LeaderReplicas::end_of(const Replica& replica) const {
    if (replica == self_) return own_end_;
    const auto found = followers_.find(replica);
    return found == followers_.end() ? std::nullopt : std::optional(found->second.end);
}

void LeaderReplicas::update() {
    if (!own_end_ || !enough_in_sync()) return;
    Offset lowest = *own_end_;
    for_each_in_sync([&](const Replica& replica) { lowest = std::min(lowest, end_of(replica).value_or(Offset{0})); });
    high_watermark_ = std::max(high_watermark_, lowest);
}

std::optional<Replica> LeaderReplicas::ready_to_join(std::uint64_t now_ms, std::uint64_t lag_ms) const {
    if (change_in_flight() || !own_end_) return std::nullopt;
    for (const auto& [replica, progress] : followers_) {
        const bool holds_all = progress.end >= high_watermark_ && progress.end >= epoch_start_;
        const bool keeps_up = progress.end >= *own_end_ || now_ms < progress.caught_up_ms + lag_ms;
        if (!chosen_.in_sync(replica) && holds_all && keeps_up) return replica;
    }
    return std::nullopt;
}

std::optional<Replica> LeaderReplicas::lagging(std::uint64_t now_ms, std::uint64_t lag_ms) const {
    if (change_in_flight() || !own_end_) return std::nullopt;
    for (const Replica& replica : chosen_.isr) {
        if (replica == self_) continue;
        const auto found = followers_.find(replica);
        const std::uint64_t caught_up_ms = found == followers_.end() ? began_ms_ : std::max(began_ms_, found->second.caught_up_ms);
        const bool behind = found == followers_.end() || found->second.end < *own_end_;
        if (behind && now_ms >= caught_up_ms + lag_ms) return replica;
    }
    return std::nullopt;
}

}  // namespace sedge::node
