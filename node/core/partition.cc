#include "node/core/partition.h"

#include <algorithm>

namespace sedge::node {

void Partition::on_append(const BatchHeader& batch, const RetentionPolicy& policy, const ProducerLimits& limits,
                          std::size_t& known_producers) {
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
}

}  // namespace sedge::node
