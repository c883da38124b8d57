#include "node/core/partition.h"

#include <algorithm>

#include "node/core/replica_log.h"
#include "node/core/replica_role.h"

namespace sedge::node {

Partition::Partition(PartitionId partition_id) : id(partition_id) {}
Partition::~Partition() = default;

void Partition::on_append(const BatchHeader& batch, const RetentionPolicy& policy, const ProducerLimits& limits,
                          std::size_t& known_producers) {
    if (log != nullptr) {
        log->lineage.on_append(batch.epoch, batch.base_offset);
        const ProducerTable::Producer* known = batch.producer_id == ProducerId{} ? nullptr : producers.find(batch.producer_id);
        log->undo.push_back({batch.base_offset, batch.size_bytes, last_epoch, batch.producer_id,
                             known == nullptr ? std::nullopt : std::optional(*known), producers.clock()});
    }
    end = std::max(end, batch.end_offset());
    last_epoch = batch.epoch;
    retention.on_append(batch.base_offset, batch.size_bytes, batch.append_time_ms, policy);
    if (batch.producer_id == ProducerId{}) return;
    // When the node remembers too many in all, each partition makes room for a newcomer from its own.
    const std::size_t most = known_producers < limits.in_all ? limits.per_partition : std::min(limits.per_partition, producers.size());
    known_producers -= producers.size();
    producers.on_append(batch, most, limits.expiry_ms);
    known_producers += producers.size();
}

void Partition::move_start(Offset to) {
    start = to;
    retention.on_start_moved(to, end);
    if (log != nullptr) log->lineage.forget_below(to);
}

bool Partition::cut_off(Offset to, std::size_t& known_producers) {
    if (to < log->stored_watermark || to < start) return false;
    known_producers -= producers.size();
    while (!log->undo.empty() && log->undo.back().base >= to) {
        const ReplicaLog::Undo& undo = log->undo.back();
        if (undo.producer != ProducerId{}) producers.undo(undo.producer, undo.before, undo.clock);
        retention.undo(undo.base, undo.size_bytes);
        last_epoch = undo.last_epoch;
        log->undo.pop_back();
    }
    known_producers += producers.size();
    log->lineage.truncate(to);
    if (to < end) log->cut_records += end - to;
    end = std::min(end, to);
    high_watermark = std::min(high_watermark, end);
    while (recent != nullptr && !recent->empty() && recent->back().base >= to) recent->pop_back();
    if (recent != nullptr && recent->empty()) recent.reset();
    return true;
}

void Partition::begin_log(LogId log_id, Offset at, std::size_t& known_producers) {
    const Epoch seen = log == nullptr ? Epoch{} : log->seen_epoch;
    log = std::make_unique<ReplicaLog>();
    log->id = log_id;
    log->seen_epoch = seen;
    log->stored_watermark = at;
    known_producers -= producers.size();
    producers = {};
    retention = {};
    recent.reset();
    last_epoch = {};
    start = end = high_watermark = at;
}

void Partition::on_watermark_stored(Offset to) {
    log->stored_watermark = std::max(log->stored_watermark, to);
    while (!log->undo.empty() && log->undo.front().base < log->stored_watermark) log->undo.pop_front();
}

}  // namespace sedge::node
