// What a log that has replicas remembers beside its records: whose it is, who wrote what, and how to take back what is not committed.
//
// Invariant: everything here is a function of the partition's journal entries in order, so that a restart restores it. Only what
// lies at or above `stored_watermark` can be cut off; for each batch there `undo` has the state before it.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "node/core/lineage.h"
#include "node/core/partition_register.h"
#include "node/core/producer_table.h"
#include "schema/ids.h"
#include "schema/record_batch.h"

namespace sedge::node {

struct ReplicaLog {
    // The state of a partition before one batch was appended.
    struct Undo {
        Offset base;
        std::uint64_t size_bytes = 0;
        Epoch last_epoch;
        ProducerId producer;
        std::optional<ProducerTable::Producer> before;  // absent: the batch made the producer known
        ProducerTable::Clock clock;
    };

    LogId id;
    bool is_damaged = false;    // committed records may be missing: it is made anew as soon as another log has them
    Epoch seen_epoch;           // the highest one that this node may act in: an entry said so
    Lineage lineage;
    Offset stored_watermark;    // the high watermark as the journal has it; the true one is at least this
    std::deque<Undo> undo;      // oldest first
    std::uint64_t cut_records = 0;  // since the start, for metrics
};

}  // namespace sedge::node
