// What the leader of one partition, in one epoch, knows of its replicas, and the high watermark that follows from it (DESIGN 7.4-7.6).
//
// Invariant: the high watermark is the lowest durable end over the *maximal* ISR: the chosen one, plus an addition that may have been
// chosen, minus nothing until a removal is known to be chosen. It never goes back, and it does not move before the epoch's start is
// durable here, nor while fewer than min_insync logs are in the ISR.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "node/core/partition_register.h"

namespace sedge::node {

class LeaderReplicas {
  public:
    // The register as chosen with this leader. `floor`: the high watermark that this log knew of before; `epoch_start`: the end of
    // the log when the epoch began. Every follower's end is unknown, members of the ISR included.
    LeaderReplicas(Replica self, PartitionRegister chosen, Offset floor, Offset epoch_start, std::uint32_t min_insync,
                   std::uint64_t began_ms = 0);

    // Each may move the high watermark. The first call says that the epoch itself is durable here: nothing moves before it.
    void on_own_durable(Offset end);
    // A follower says, in this epoch: my log holds everything below `end`, durably. Ends never go back.
    void on_follower_durable(std::uint64_t now_ms, Replica replica, Offset end);
    // A change of the ISR was proposed: until its outcome is known, its addition counts and its removal does not.
    void on_isr_proposed(const std::vector<Replica>& isr);
    // The outcome: the register as chosen. A register of another epoch is not this leader's any more and is ignored.
    void on_chosen(const PartitionRegister& chosen);
    // A log that is not in the ISR and will not be: its node is dead.
    void forget(const Replica& replica) { followers_.erase(replica); }
    void set_min_insync(std::uint32_t min_insync) { min_insync_ = min_insync; update(); }

    Offset high_watermark() const { return high_watermark_; }
    const PartitionRegister& chosen() const { return chosen_; }
    // Calls visit(replica) for each log that may be in the ISR; some twice.
    template <class Visit>
    void for_each_in_sync(Visit&& visit) const {
        for (const Replica& each : chosen_.isr) visit(each);
        if (proposed_)
            for (const Replica& each : *proposed_) visit(each);
    }
    bool enough_in_sync() const { return chosen_.isr.size() >= min_insync_; }
    bool change_in_flight() const { return proposed_.has_value(); }

    // A log outside the ISR that has caught up: durable to the high watermark and to the epoch's start, and not lagging, or it would be put
    // out again at once. One change at a time.
    std::optional<Replica> ready_to_join(std::uint64_t now_ms, std::uint64_t lag_ms) const;
    // A log of the ISR that has not reached what was durable here `lag_ms` ago: nothing heard of it, or it falls behind.
    std::optional<Replica> lagging(std::uint64_t now_ms, std::uint64_t lag_ms) const;

    struct Progress {
        Offset end;
        // It held at `caught_up_ms` all that was durable here then; next it has to reach `target`, the end at `target_ms`.
        std::uint64_t caught_up_ms = 0;
        Offset target;
        std::uint64_t target_ms = 0;
    };
    const std::map<Replica, Progress>& followers() const { return followers_; }

  private:
    void update();
    std::optional<Offset> end_of(const Replica& replica) const;

    const Replica self_;
    PartitionRegister chosen_;
    std::optional<std::vector<Replica>> proposed_;
    Offset high_watermark_;
    const Offset epoch_start_;
    std::uint32_t min_insync_;
    const std::uint64_t began_ms_;
    std::optional<Offset> own_end_;  // absent: the epoch is not durable here yet
    std::map<Replica, Progress> followers_;
};

}  // namespace sedge::node
