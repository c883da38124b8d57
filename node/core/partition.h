// One partition's state: what its log holds, who wrote it, and its newest batches in memory.
//
// Invariant: start <= high_watermark <= end. `end` is where the next record goes, `high_watermark` the end of what is stored as the
// topic asked for; consumers see nothing beyond it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "node/core/partition_register.h"
#include "node/core/producer_table.h"
#include "node/core/retention.h"
#include "schema/bytes.h"
#include "schema/ids.h"
#include "schema/record_batch.h"

namespace sedge::node {

struct ReplicaLog;
struct ReplicaRole;

struct RecentBatch {
    Offset base;
    Offset end;
    SharedBytes bytes;
};

// How much is remembered of idempotent producers. Bounds memory, and so the size of checkpoints.
struct ProducerLimits {
    std::size_t per_partition = 0;
    std::size_t in_all = 0;
    std::uint64_t expiry_ms = 0;
};

// Small while nothing is in it: a node may have 100,000.
struct Partition {
    static constexpr std::uint32_t kNoSlot = UINT32_MAX;

    explicit Partition(PartitionId partition_id);
    ~Partition();

    const PartitionId id;
    Offset start;
    Offset end;  // records of the turn that are not in a batch yet included
    Offset high_watermark;
    Epoch last_epoch;
    ProducerTable producers;
    RetentionLog retention;

    // The newest batches without gaps, oldest first, or null; see RecentCache.
    std::unique_ptr<std::deque<RecentBatch>> recent;
    // Where this turn's one-record requests are gathered; see Coalescer.
    std::uint32_t open_slot = kNoSlot;
    // The last turn that appended here, and where its write keeps the end that it makes.
    std::uint64_t last_turn = 0;
    std::uint32_t turn_slot = 0;
    // Fetches that wait for records here, by their number, and some that have expired; see FetchWaiters.
    std::vector<std::uint64_t> waiting_fetches;
    std::size_t waiting_count = 0;

    // Present if the partition's log has replicas on other nodes: what survives a restart, and what this start of the process does.
    std::unique_ptr<ReplicaLog> log;
    std::unique_ptr<ReplicaRole> role;

    // A batch was appended: the state moves on by it. The same call restores it from the journal. `known_producers` counts those of all
    // partitions.
    void on_append(const BatchHeader& batch, const RetentionPolicy& policy, const ProducerLimits& limits, std::size_t& known_producers);
    void move_start(Offset to);
    // Cuts off the records from `to` on and takes back all that came with them. False if they were committed: nothing happens.
    bool cut_off(Offset to, std::size_t& known_producers);
    // An empty log begins at `at`, as `id`; all that was is gone.
    void begin_log(LogId id, Offset at, std::size_t& known_producers);
    // Everything below `to` is committed, and will never be cut off.
    void on_watermark_stored(Offset to);
};

}  // namespace sedge::node
