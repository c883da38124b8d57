#include "node/core/producer_table.h"

#include <algorithm>

namespace sedge::node {
namespace {

// A step of the clock between two appends that is longer than this counts as this.
constexpr std::uint64_t kMaxStepMs = 3600ull * 1000;

std::uint32_t next_sequence(const ProducerTable::Batch& batch) {
    return static_cast<std::uint32_t>((std::uint64_t{batch.base_sequence} + batch.count) % kSequenceModulus);
}

}  // namespace

void ProducerTable::Producer::remember(const Batch& batch) {
    if (known == newest.size()) {
        std::move(newest.begin() + 1, newest.end(), newest.begin());
        --known;
    }
    newest[known++] = batch;
}

const ProducerTable::Producer* ProducerTable::find(ProducerId id) const {
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : &*found->second;
}

Status ProducerTable::check(const BatchHeader& batch, std::optional<Batch>& original) const {
    original.reset();
    const Producer* producer = find(batch.producer_id);
    if (producer == nullptr) {
        if (batch.base_sequence == 0) return {};
        return {ErrorCode::unknown_producer, "this partition does not know the producer, so its first sequence must be 0, not " +
                                                 std::to_string(batch.base_sequence)};
    }
    if (batch.producer_epoch < producer->epoch)
        return {ErrorCode::stale_producer_epoch, "the producer has gone on in epoch " + std::to_string(producer->epoch)};
    const bool new_epoch = batch.producer_epoch > producer->epoch;
    const std::uint32_t expected = new_epoch ? 0 : next_sequence(producer->batches().back());
    if (batch.base_sequence == expected) return {};
    if (!new_epoch) {
        for (const Batch& known : producer->batches()) {
            if (known.base_sequence != batch.base_sequence || known.count != batch.count) continue;
            original = known;
            return {};
        }
    }
    return {ErrorCode::out_of_order_sequence,
            "expected sequence " + std::to_string(expected) + ", not " + std::to_string(batch.base_sequence)};
}

void ProducerTable::on_append(const BatchHeader& batch, std::size_t max_producers, std::uint64_t expiry_ms) {
    advance_clock(batch.append_time_ms);
    const auto found = by_id_.find(batch.producer_id);
    if (found != by_id_.end()) {
        producers_.splice(producers_.end(), producers_, found->second);
    } else {
        producers_.push_back({batch.producer_id, batch.producer_epoch, 0, 0, {}});
        by_id_[batch.producer_id] = std::prev(producers_.end());
    }
    Producer& producer = producers_.back();
    if (producer.epoch != batch.producer_epoch) producer.known = 0;
    producer.epoch = batch.producer_epoch;
    producer.last_used_ms = clock_.passed_ms;
    producer.remember({batch.base_sequence, batch.count, batch.base_offset});
    while (producers_.size() > 1 && clock_.passed_ms - producers_.front().last_used_ms > expiry_ms) forget_idlest();
    while (producers_.size() > 1 && producers_.size() > max_producers) forget_idlest();
}

void ProducerTable::undo(ProducerId id, const std::optional<Producer>& before, const Clock& clock) {
    clock_ = clock;
    const auto found = by_id_.find(id);
    if (found != by_id_.end()) {
        producers_.erase(found->second);
        by_id_.erase(found);
    }
    if (!before) return;
    auto at = producers_.end();
    while (at != producers_.begin() && std::prev(at)->last_used_ms > before->last_used_ms) --at;
    by_id_[id] = producers_.insert(at, *before);
}

void ProducerTable::advance_clock(std::uint64_t append_time_ms) {
    if (append_time_ms > clock_.last_append_ms && clock_.last_append_ms != 0)
        clock_.passed_ms += std::min(append_time_ms - clock_.last_append_ms, kMaxStepMs);
    clock_.last_append_ms = append_time_ms;
}

void ProducerTable::forget_idlest() {
    by_id_.erase(producers_.front().id);
    producers_.pop_front();
}

bool ProducerTable::restore(const Producer& producer) {
    const bool in_order = producers_.empty() || producers_.back().last_used_ms <= producer.last_used_ms;
    if (producer.id == ProducerId{} || producer.known == 0 || producer.known > producer.newest.size() || !in_order) return false;
    if (find(producer.id) != nullptr) return false;
    for (const Batch& batch : producer.batches())
        if (batch.base_sequence >= kSequenceModulus || batch.count == 0 || batch.count > limits::kMaxRecordsPerBatch) return false;
    producers_.push_back(producer);
    by_id_[producer.id] = std::prev(producers_.end());
    return true;
}

}  // namespace sedge::node
