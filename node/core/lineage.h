// Which leader's epoch wrote which offsets of a log: the whole history of who led, in a few lines.
//
// Two logs agree up to the point where their lineages part (KIP-101, KIP-279): a follower truncates to that point before it takes
// anything from a new leader.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "schema/ids.h"

namespace sedge::node {

class Lineage {
  public:
    struct Step {
        Epoch epoch;
        Offset first;  // of the records written in this epoch
        bool operator==(const Step&) const = default;
    };

    // A batch of `epoch` was appended at `offset`. Requires epochs and offsets that never go back.
    void on_append(Epoch epoch, Offset offset);
    // Everything from `end` on was cut off.
    void truncate(Offset end);
    // Everything below `start` is gone; the epoch that holds `start` stays.
    void forget_below(Offset start);

    std::span<const Step> steps() const { return steps_; }
    std::optional<Epoch> last_epoch() const;
    // The epoch that wrote `offset`; nullopt below the first step. Requires that the log reaches beyond `offset`.
    std::optional<Epoch> epoch_of(Offset offset) const;

    // From steps in rising order; nullopt otherwise (they may come from a disk or a peer).
    static std::optional<Lineage> from_steps(std::vector<Step> steps);
    bool operator==(const Lineage&) const = default;

  private:
    std::vector<Step> steps_;  // epochs and offsets strictly rising
};

// The end of what two logs share: `mine` up to `my_end`, `theirs` up to `their_end`. They share an epoch's records because one
// leader wrote them, once (an offset is never assigned twice within an epoch).
Offset common_end(const Lineage& mine, Offset my_end, const Lineage& theirs, Offset their_end);

}  // namespace sedge::node
