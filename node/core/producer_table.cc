#include "node/core/producer_table.h"

#include <algorithm>

#include "schema/limits.h"

namespace sedge::node {
namespace {

std::uint32_t next_sequence(const ProducerTable::Batch& batch) {
    return (batch.base_sequence + batch.count) % kSequenceModulus;
}

}  // namespace

Status ProducerTable::check(const BatchHeader& batch, std::optional<Batch>& original) const {
    const auto found = producers_.find(batch.producer_id);
    if (found == producers_.end()) {
        if (batch.base_sequence == 0) return {};
        return {ErrorCode::unknown_producer, "this partition does not know the producer, so its first sequence must be 0, not " +
                                                 std::to_string(batch.base_sequence)};
    }
    const Producer& producer = found->second;
    if (batch.producer_epoch < producer.epoch)
        return {ErrorCode::stale_producer_epoch, "the producer has gone on in epoch " + std::to_string(producer.epoch)};
    const std::uint32_t expected = batch.producer_epoch > producer.epoch ? 0 : next_sequence(producer.batches.back());
    if (batch.base_sequence == expected) return {};
    if (batch.producer_epoch == producer.epoch) {
        for (const Batch& known : producer.batches) {
            if (known.base_sequence != batch.base_sequence || known.count != batch.count) continue;
            original = known;
            return {};
        }
    }
    return {ErrorCode::out_of_order_sequence,
            "expected sequence " + std::to_string(expected) + ", not " + std::to_string(batch.base_sequence)};
}

void ProducerTable::on_append(const BatchHeader& batch, std::size_t max_producers, std::uint64_t expiry_ms) {
    if (!producers_.contains(batch.producer_id)) make_room(batch.append_time_ms, max_producers, expiry_ms);
    Producer& producer = producers_[batch.producer_id];
    if (producer.epoch != batch.producer_epoch) producer.batches.clear();
    producer.epoch = batch.producer_epoch;
    producer.last_append_ms = batch.append_time_ms;
    producer.batches.push_back({batch.base_sequence, batch.count, batch.base_offset});
    if (producer.batches.size() > limits::kBatchesInFlight) producer.batches.pop_front();
}

void ProducerTable::make_room(std::uint64_t now_ms, std::size_t max_producers, std::uint64_t expiry_ms) {
    if (producers_.size() < max_producers) return;
    std::erase_if(producers_, [&](const auto& entry) { return entry.second.last_append_ms + expiry_ms < now_ms; });
    if (producers_.size() < max_producers) return;
    const auto idle_longest = std::min_element(producers_.begin(), producers_.end(), [](const auto& a, const auto& b) {
        return a.second.last_append_ms < b.second.last_append_ms;
    });
    producers_.erase(idle_longest);
}

}  // namespace sedge::node
