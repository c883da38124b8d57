#include "client/partition_sender.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "schema/crc32c.h"
#include "schema/little_endian.h"

namespace sedge {
namespace {

// Places in a batch, see schema/record_batch.h.
constexpr std::size_t kCrcAt = 4;
constexpr std::size_t kCrcFrom = 32;
constexpr std::size_t kProducerEpochAt = 48;
constexpr std::size_t kBaseSequenceAt = 52;
constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

std::uint32_t advance(std::uint32_t sequence, std::uint32_t count) {
    return static_cast<std::uint32_t>((std::uint64_t{sequence} + count) % kSequenceModulus);
}

// A copy of a finished batch under another epoch and sequence.
SharedBytes renumbered(const SharedBytes& batch, std::uint32_t epoch, std::uint32_t sequence) {
    Buffer bytes(batch.view().begin(), batch.view().end());
    store_le(bytes, kProducerEpochAt, epoch);
    store_le(bytes, kBaseSequenceAt, sequence);
    store_le(bytes, kCrcAt, crc32c(ByteView(bytes).subspan(kCrcFrom)));
    return SharedBytes::take(std::move(bytes));
}

// Refusals that say where the node stands with this producer; they are answered by numbering anew, or by patience.
bool is_about_sequence(ErrorCode code) {
    return code == ErrorCode::out_of_order_sequence || code == ErrorCode::unknown_producer;
}

}  // namespace

PartitionSender::PartitionSender(Options options, Transmit transmit, Deliver deliver)
    : options_(options), transmit_(std::move(transmit)), deliver_(std::move(deliver)), pause_ms_(options.retry_min_ms) {}

bool PartitionSender::has_room() const {
    // Without sequences, order is kept by one batch at a time.
    const std::uint64_t most = options_.producer_id.value == 0 ? 1 : options_.max_in_flight;
    return !recovering_ && (in_flight_.empty() || next_number_ - in_flight_.front()->number < most);
}

void PartitionSender::send(std::unique_ptr<OutgoingBatch> batch) {
    batch->sequence = next_sequence_;
    batch->number = next_number_++;
    if (options_.producer_id.value != 0) {
        batch->builder.set_producer(options_.producer_id, epoch_, next_sequence_);
        next_sequence_ = advance(next_sequence_, batch->count());
    }
    batch->bytes = SharedBytes::take(batch->builder.finish());
    in_flight_.push_back(std::move(batch));
    transmit(*in_flight_.back());
}

void PartitionSender::transmit(OutgoingBatch& batch) {
    batch.attempt = ++last_attempt_;
    if (++batch.attempts > 1) ++retries_;
    transmit_(batch, batch.attempt);
}

void PartitionSender::on_answer(std::uint64_t now_ms, std::uint64_t attempt, const Status& status, bool maybe_done,
                                const ProduceResponse* stored) {
    const auto found = std::find_if(in_flight_.begin(), in_flight_.end(),
                                    [attempt](const auto& batch) { return batch->attempt == attempt; });
    if (attempt == 0 || found == in_flight_.end()) return;
    auto& batch = **found;
    batch.attempt = 0;
    if (status.ok()) {
        pause_ms_ = options_.retry_min_ms;
        const auto done = std::move(*found);
        in_flight_.erase(found);
        deliver_(*done, status, stored);
        return;
    }
    last_failure_ = status;
    if (is_about_sequence(status.code) && options_.producer_id.value != 0) {
        on_sequence_refused(batch, status);
        return;
    }
    batch.maybe_stored = batch.maybe_stored || maybe_done;
    if (maybe_done || is_retriable(status.code)) {
        // One pause for all that fail together, not one for each.
        if (!recovering_ || now_ms >= retry_at_ms_) {
            retry_at_ms_ = now_ms + pause_ms_;
            pause_ms_ = std::min(pause_ms_ * 2, options_.retry_max_ms);
        }
        recovering_ = true;
        return;
    }
    give_up(static_cast<std::size_t>(found - in_flight_.begin()), status);
}

// The node did not take the batch because of what it knows, or not, of the batches before.
void PartitionSender::on_sequence_refused(OutgoingBatch& batch, const Status& status) {
    recovering_ = true;
    if (&batch != in_flight_.front().get()) return;  // an older one has yet to come; then this one is taken
    // Behind a batch that was given up a refusal says nothing new: the given-up one may still arrive late, and an earlier attempt of
    // this one behind it (found by a storm, seed 30084).
    if (batch.after_gap) return;
    gap_ = true;
    for (auto& later : in_flight_) later->after_gap = true;
    if (status.code == ErrorCode::unknown_producer && batch.maybe_stored) {
        give_up(0, status);  // the node forgot this producer: nobody can tell whether an earlier attempt was stored
        return;
    }
    // A node remembers as many batches of a producer as may be in flight. It knows this producer and not this batch, so the batch is
    // not stored, nor is any behind it: all go again under new numbers.
    for (auto& later : in_flight_) later->maybe_stored = false;
}

// Reports a batch as failed. What follows it can't keep its numbers.
void PartitionSender::give_up(std::size_t index, const Status& status) {
    const auto at = in_flight_.begin() + static_cast<std::ptrdiff_t>(index);
    const auto batch = std::move(*at);
    in_flight_.erase(at);
    recovering_ = gap_ = true;
    for (std::size_t i = index; i < in_flight_.size(); ++i) {
        in_flight_[i]->after_gap = true;
        // If the one given up may be stored, so may those behind it; otherwise its absence kept them out for certain.
        if (!batch->maybe_stored && options_.producer_id.value != 0) in_flight_[i]->maybe_stored = false;
    }
    deliver_(*batch, status, nullptr);
}

void PartitionSender::give_up_overdue(std::uint64_t now_ms) {
    for (std::size_t i = 0; i < in_flight_.size();) {
        if (now_ms >= in_flight_[i]->deadline_ms)
            give_up(i, {ErrorCode::timed_out, "not acknowledged in time; the last failure was: " + last_failure_.message});
        else
            ++i;
    }
}

bool PartitionSender::waits_for_answers() const {
    return std::any_of(in_flight_.begin(), in_flight_.end(), [](const auto& batch) { return batch->attempt != 0; });
}

std::uint64_t PartitionSender::work(std::uint64_t now_ms) {
    if (!recovering_ || waits_for_answers()) return kNever;
    give_up_overdue(now_ms);
    if (now_ms < retry_at_ms_ && !in_flight_.empty()) {
        auto next = retry_at_ms_;
        for (const auto& batch : in_flight_) next = std::min(next, batch->deadline_ms);
        return next;
    }
    // What lies before a gap goes first, with the numbers that it has; only when it is settled are the others numbered anew.
    const bool all_after_gap = in_flight_.empty() || in_flight_.front()->after_gap;
    if (gap_ && all_after_gap) restart_numbering();
    recovering_ = gap_;
    for (auto& batch : in_flight_)
        if (!batch->after_gap) transmit(*batch);
    return kNever;
}

void PartitionSender::restart_numbering() {
    const Status unclear{ErrorCode::timed_out, "may be stored or not: an earlier batch of this partition failed: " + last_failure_.message};
    if (options_.producer_id.value != 0) {
        for (std::size_t i = 0; i < in_flight_.size();) {
            if (in_flight_[i]->maybe_stored)
                give_up(i, unclear);
            else
                ++i;
        }
        ++epoch_;
    }
    gap_ = false;
    next_sequence_ = 0;
    for (auto& batch : in_flight_) {
        batch->after_gap = false;
        if (options_.producer_id.value == 0) continue;
        batch->sequence = next_sequence_;
        batch->bytes = renumbered(batch->bytes, epoch_, next_sequence_);
        next_sequence_ = advance(next_sequence_, batch->count());
    }
}

void PartitionSender::abandon(const Status& status) {
    auto all = std::move(in_flight_);
    in_flight_.clear();
    recovering_ = gap_ = true;
    for (auto& batch : all) {
        batch->maybe_stored = batch->maybe_stored || batch->attempt != 0;
        deliver_(*batch, status, nullptr);
    }
}

}  // namespace sedge
