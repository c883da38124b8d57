#include <algorithm>

#include "schema/limits.h"
#include "tests/sim/producer.h"
#include "tests/sim/violation.h"

namespace sedge::sim {
namespace {

constexpr std::uint64_t kPatienceUs = 300'000;
constexpr std::uint64_t kRetryPauseUs = 5'000;

}  // namespace

void IdempotentProducer::begin() {
    choose_log();
    step();
}

std::string IdempotentProducer::describe() const {
    return connection_ + " to " + topic_ + "/" + std::to_string(partition_.value) + " with " + std::to_string(batches_.size()) +
           " batches not acknowledged from sequence " + std::to_string(batches_.empty() ? next_sequence_ : batches_.front().sequence);
}

void IdempotentProducer::choose_log() {
    topic_ = any_topic();
    partition_ = any_partition();
    begin_anew(false);
}

void IdempotentProducer::begin_anew(bool keep_id) {
    if (keep_id)
        ++epoch_;
    else
        producer_ = ProducerId{random_.next() | 1}, epoch_ = static_cast<std::uint32_t>(random_.below(3));
    next_sequence_ = 0;
    std::erase_if(batches_, [](const Batch& batch) { return batch.acknowledged; });
    for (Batch& batch : batches_) seal(batch);
}

void IdempotentProducer::seal(Batch& batch) {
    BatchBuilder builder(batch.codec);
    builder.set_producer(producer_, epoch_, next_sequence_);
    for (const SimRecord& record : batch.records) add_to(builder, record);
    batch.sequence = next_sequence_;
    batch.bytes = builder.finish();
    batch.id = 0;
    next_sequence_ += static_cast<std::uint32_t>(batch.records.size());
}

void IdempotentProducer::add_batch() {
    Batch& batch = batches_.emplace_back();
    batch.codec = random_.one_in(4) ? Codec::zstd : Codec::none;
    for (std::uint64_t n = random_.between(1, 6); n > 0; --n)
        batch.records.push_back(draw_record(random_, connection_, ++records_made_, world_.clock.wall_ms()));
    seal(batch);
}

void IdempotentProducer::step() {
    const std::uint64_t now_us = world_.clock.now_us();
    if (!batches_.empty() && batches_.front().id != 0 && batches_.front().sent_us + kPatienceUs < now_us) send_again();
    if (batches_.empty() && !world_.calm && random_.one_in(100)) choose_log();
    while (!world_.calm && batches_.size() < limits::kBatchesInFlight && random_.one_in(2)) add_batch();
    if (now_us >= pause_until_us_) send_pending();
    after(pause_us(), [this] { step(); });
}

void IdempotentProducer::send_pending() {
    bool oldest = true;
    for (Batch& batch : batches_) {
        if (batch.acknowledged) continue;
        if (batch.id == 0) {
            ProduceRequest request;
            request.topic = topic_;
            request.partition = partition_;
            batch.id = send(request, batch.bytes);
            batch.sent_us = world_.clock.now_us();
            batch.sent_as_oldest = oldest;
        }
        oldest = false;
    }
}

void IdempotentProducer::on_answer(ByteView header, const std::vector<SharedBytes>&) {
    const auto response = decode_response(header, api_index<ProduceRequest>());
    if (!response.ok()) return;
    const auto batch = std::find_if(batches_.begin(), batches_.end(), [&](const Batch& sent) { return sent.id == response->correlation_id; });
    if (batch == batches_.end() || batch->acknowledged) return;  // late: it was sent again since
    if (const auto* error = std::get_if<ErrorResponse>(&response->body)) {
        on_refusal(static_cast<std::size_t>(batch - batches_.begin()), error->status.code);
        return;
    }
    batch->acknowledged = true;
    while (!batches_.empty() && batches_.front().acknowledged) batches_.pop_front();
}

bool IdempotentProducer::must_be_known() const {
    if (world_.settings.broker.max_producers_per_partition < 100) return false;
    std::size_t same_name = 0;
    for (const auto& [id, topic] : world_.history.topics()) {
        if (topic.facts().name != topic_) continue;
        ++same_name;
        if (topic.ever_unsynced) return false;
    }
    return same_name == 1;
}

void IdempotentProducer::on_refusal(std::size_t index, ErrorCode code) {
    Batch& batch = batches_[index];
    world_.note(connection_ + " is refused at sequence " + std::to_string(batch.sequence) + " of epoch " + std::to_string(epoch_) + ": " +
                std::string(to_string(code)) + (batch.sent_as_oldest ? " (the oldest)" : ""));
    pause_until_us_ = world_.clock.now_us() + kRetryPauseUs;
    switch (code) {
        case ErrorCode::out_of_order_sequence:
            if (batch.sent_as_oldest && must_be_known()) violated("the oldest batch of a producer is refused as out of order");
            if (batch.sent_as_oldest) return begin_anew(random_.one_in(2));
            return send_again();
        case ErrorCode::unknown_producer:
            if (batch.sent_as_oldest && must_be_known()) violated("a producer with acknowledged records is forgotten");
            if (batch.sent_as_oldest) return begin_anew(false);
            return send_again();
        case ErrorCode::stale_producer_epoch: return begin_anew(false);
        case ErrorCode::unknown_topic:
        case ErrorCode::unknown_partition:
        case ErrorCode::record_too_large:
            batches_.clear();
            return choose_log();
        default:
            if (!is_retriable(code)) violated("a right batch is refused: " + std::string(to_string(code)));
            return send_again();
    }
}

}  // namespace sedge::sim
