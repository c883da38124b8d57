// One partition's state: what its log holds, who wrote it, and its newest batches in memory.
//
// Invariant: start <= high_watermark <= end. `end` is where the next record goes, `high_watermark` the end of what is stored as the
// topic asked for; consumers see nothing beyond it.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "node/core/producer_table.h"
#include "node/core/retention_marks.h"
#include "schema/bytes.h"
#include "schema/ids.h"
#include "schema/record_batch.h"

namespace sedge::node {

struct RecentBatch {
    Offset base;
    Offset end;
    SharedBytes bytes;
};

struct Partition {
    explicit Partition(PartitionId partition_id) : id(partition_id) {}

    const PartitionId id;
    Offset start;
    Offset end;
    Offset high_watermark;
    Epoch last_epoch;
    ProducerTable producers;
    RetentionMarks marks;

    // The newest batches without gaps, oldest first; see RecentCache.
    std::deque<RecentBatch> recent;
    // One-record requests of this turn: a batch in the making whose first record has the offset end - open.count().
    BatchBuilder open;
    // Fetches that wait for records here, by their number; see FetchWaiters.
    std::vector<std::uint64_t> waiting_fetches;

    // A batch was appended: the state moves on by it. The same call restores it from the journal.
    void on_append(const BatchHeader& batch, std::size_t max_producers, std::uint64_t producer_expiry_ms) {
        end = batch.end_offset();
        last_epoch = batch.epoch;
        if (batch.producer_id != ProducerId{}) producers.on_append(batch, max_producers, producer_expiry_ms);
        marks.on_append(batch.base_offset, batch.append_time_ms, batch.size_bytes);
    }
    void move_start(Offset to) {
        start = to;
        marks.on_start_moved(to);
    }
};

}  // namespace sedge::node
