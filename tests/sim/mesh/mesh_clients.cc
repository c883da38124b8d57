#include "tests/sim/mesh/mesh_clients.h"

#include "schema/record_batch.h"
#include "tests/sim/violation.h"

namespace sedge::sim {

void MeshClient::again_in(std::uint64_t now_us, std::uint64_t delay_us) {
    asked_.reset();
    next_us_ = now_us + delay_us;
}

bool MeshClient::is_passing(ErrorCode code) {
    return is_retriable(code) || code == ErrorCode::unknown_topic || code == ErrorCode::invalid_config;
}

void MeshClient::send(std::uint64_t now_us, const RequestBody& body, ByteView payload) {
    Buffer header;
    asked_ = ++last_id_;
    asked_index_ = body.index();
    encode_request(*asked_, body, header);
    header.insert(header.end(), payload.begin(), payload.end());
    world_.send(node_, name_, std::move(header));
    next_us_ = now_us + random_.between(200'000, 900'000);
}

void MeshClient::on_time(std::uint64_t now_us) {
    if (asked_) on_silence(now_us);
    asked_.reset();
    ask(now_us);
}

// Nobody answers: ask somebody else.
void MeshClient::on_silence(std::uint64_t) { node_ = random_.below(world_.nodes); }

void MeshClient::on_answer(std::uint64_t now_us, const Buffer& header) {
    const auto id = response_correlation_id(header);
    if (!id || id != asked_) return;
    const auto response = decode_response(header, asked_index_);
    require(response.ok(), "an answer does not parse");
    asked_.reset();
    on_response(now_us, *response);
}

// --- Producer ---

void MeshProducer::ask(std::uint64_t now_us) {
    if (batch_.empty()) {
        if (winding_down) {
            next_us_ = UINT64_MAX;
            return;
        }
        BatchBuilder builder;
        builder.set_producer(ProducerId{id_}, epoch_, sequence_);
        values_.clear();
        for (std::uint64_t n = random_.between(1, 4); n > 0; --n) {
            values_.push_back(name_ + ":" + std::to_string(made_++));
            builder.add(1'000, std::nullopt, as_bytes(values_.back()));
        }
        batch_ = builder.finish();
    }
    ProduceRequest request;
    request.topic = topic_;
    request.partition = PartitionIndex{partition_};
    request.acks = acks_all_ ? Acks::all : Acks::leader;
    if (!acks_all_) asked_epoch_ = world_.leading(topic_, partition_);
    send(now_us, request, batch_);
}

void MeshProducer::on_response(std::uint64_t now_us, const Response& response) {
    if (const auto* failure = std::get_if<ErrorResponse>(&response.body)) {
        const ErrorCode code = failure->status.code;
        if (is_passing(code)) {
            if (random_.one_in(2)) node_ = random_.below(world_.nodes);
            return again_in(now_us, random_.between(5'000, 60'000));
        }
        const bool forgot = code == ErrorCode::out_of_order_sequence || code == ErrorCode::unknown_producer;
        if (acks_all_ || !forgot) violated(name_ + " is refused: " + failure->status.message);
        // What acks=leader had stored may be gone with its leader: the producer goes on in a new epoch, with new records.
        ++epoch_;
        sequence_ = 0;
        batch_.clear();
        return again_in(now_us, 1'000);
    }
    const auto& stored = std::get<ProduceResponse>(response.body);
    for (std::size_t i = 0; i < values_.size(); ++i)
        if (acks_all_) world_.history->fixed(topic_, partition_, stored.offset.value + i, values_[i], "acknowledged");
    world_.note(name_ + " is told: " + values_.front() + " and " + std::to_string(values_.size() - 1) + " more are at offset " +
                std::to_string(stored.offset.value) + (stored.duplicate ? ", again" : "") + " on " + std::to_string(stored.durable_copies));
    if (!acks_all_) {
        for (std::size_t i = 0; i < values_.size(); ++i)
            world_.history->promised_by_leader(topic_, partition_, stored.offset.value + i, values_[i], asked_epoch_);
    }
    if (acks_all_) world_.history->acknowledged += values_.size();
    if (stored.duplicate) ++(*world_.marks)["retries recognised"];
    sequence_ += static_cast<std::uint32_t>(values_.size());
    batch_.clear();
    again_in(now_us, random_.magnitude(500, 50'000));
}

// --- Consumer ---

void MeshConsumer::ask(std::uint64_t now_us) {
    FetchRequest request;
    request.topic = topic_;
    request.partition = PartitionIndex{partition_};
    request.offset = Offset{position_};
    request.plain = true;
    request.max_wait_ms = static_cast<std::uint32_t>(random_.below(150));
    send(now_us, request);
}

void MeshConsumer::on_response(std::uint64_t now_us, const Response& response) {
    if (const auto* failure = std::get_if<ErrorResponse>(&response.body)) {
        if (!is_passing(failure->status.code) && failure->status.code != ErrorCode::storage_failed)
            violated("a consumer at " + std::to_string(position_) + " is refused: " + failure->status.message);
        node_ = random_.below(world_.nodes);
        return again_in(now_us, random_.between(5'000, 100'000));
    }
    const auto& fetched = std::get<FetchResponse>(response.body);
    world_.history->shown_watermark(topic_, partition_, fetched.high_watermark.value);
    for (const PlainRecord& record : fetched.records) {
        require(record.offset.value == position_, "a consumer is given another offset than the next");
        world_.history->fixed(topic_, partition_, position_, std::string(as_text(*record.value)), "shown to a consumer");
        ++world_.history->read;
        ++position_;
    }
    again_in(now_us, random_.magnitude(1'000, 100'000));
}

// --- Reader ---

namespace {

// Longer than a node that sent the request on waits for the other's answer.
constexpr std::uint64_t kMustAnswerWithinUs = 15'000'000;

}  // namespace

MeshReader::MeshReader(std::string name, Random random, ClientWorld& world, std::string topic, std::uint32_t partition, std::size_t node,
                       std::uint64_t end)
    : MeshClient(std::move(name), random, world), topic_(std::move(topic)), partition_(partition), end_(end) {
    node_ = node;
}

void MeshReader::ask(std::uint64_t now_us) {
    if (is_idle()) {
        next_us_ = UINT64_MAX;
        return;
    }
    FetchRequest request;
    request.topic = topic_;
    request.partition = PartitionIndex{partition_};
    request.offset = Offset{position_};
    request.plain = true;
    send(now_us, request);
    next_us_ = now_us + kMustAnswerWithinUs;
}

std::string MeshReader::state() const {
    return name_ + " is at " + std::to_string(position_) + " of " + std::to_string(end_) + (refused_.empty() ? "" : ", refused: " + refused_);
}

void MeshReader::on_silence(std::uint64_t) { violated(name_ + " at " + std::to_string(position_) + " is not answered, in a mesh without faults"); }

void MeshReader::on_response(std::uint64_t now_us, const Response& response) {
    if (const auto* failure = std::get_if<ErrorResponse>(&response.body)) {
        if (!is_passing(failure->status.code)) violated(name_ + " is refused: " + failure->status.message);
        refused_ = failure->status.message;
        return again_in(now_us, 100'000);
    }
    for (const PlainRecord& record : std::get<FetchResponse>(response.body).records) {
        require(record.offset.value == position_, "a reader is given another offset than the next");
        world_.history->fixed(topic_, partition_, position_, std::string(as_text(*record.value)), "read in the end");
        ++position_;
    }
    again_in(now_us, 1'000);
}

// --- Admin ---

void MeshAdmin::ask(std::uint64_t now_us) {
    if (all_made()) {
        next_us_ = UINT64_MAX;
        return;
    }
    send(now_us, CreateTopicRequest{wanted_[made_], partitions_, replicas_, {{"min_insync", min_insync_}}});
    next_us_ = now_us + 3'000'000;
}

void MeshAdmin::on_response(std::uint64_t now_us, const Response& response) {
    const auto* failure = std::get_if<ErrorResponse>(&response.body);
    if (failure == nullptr || failure->status.code == ErrorCode::topic_exists)
        ++made_;
    else
        require(is_passing(failure->status.code), "a topic cannot be made");
    node_ = random_.below(world_.nodes);
    again_in(now_us, random_.between(1'000, 100'000));
}

}  // namespace sedge::sim
