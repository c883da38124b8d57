// What is committed, as all nodes together have it: each batch below any node's high watermark is the same everywhere, for ever, and in the
// log of whoever leads. Held against every node as it goes, not only in the end: a later truncation would hide what was wrong meanwhile.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "node/core/broker.h"
#include "tests/sim/mesh/mesh_node.h"

namespace sedge::sim {

class MeshCommitted {
  public:
    // Of a partition that the node keeps. Throws Violation.
    void check(const MeshNode& node, const node::Broker::PartitionView& view);

  private:
    struct Batch {
        std::uint64_t end = 0;
        std::uint64_t hash = 0;
        bool operator==(const Batch&) const = default;
    };
    using Batches = std::map<std::uint64_t, Batch>;
    // One log in one start of a process; the next start is looked at from its beginning again.
    struct Seen {
        std::uint64_t start = 0, log = 0;
        std::uint64_t watermark = 0;
        std::uint64_t checked = 0;   // its records below are the committed ones
        std::uint64_t complete = 0;  // as a leader it has what is committed below
    };
    static Batch batch_of(ByteView bytes);
    void check_watermark(const MeshNode& node, const node::Broker::PartitionView& view, Seen& seen);
    void check_leader(const MeshNode& node, const node::Broker::PartitionView& view, Seen& seen);

    std::map<PartitionId, Batches> committed_;
    std::map<PartitionId, Epoch> newest_epoch_;
    std::map<std::pair<std::uint64_t, PartitionId>, Seen> seen_;  // by node
};

}  // namespace sedge::sim
