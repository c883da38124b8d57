// Produce: admission, one-record requests gathered into batches, and batches from clients.
#include <algorithm>

#include "node/core/broker_state.h"
#include "schema/msgpack.h"
#include "schema/partitioner.h"

namespace sedge::node {
namespace {

// Below this a batch is copied out of the message that brought it; above, the message itself is kept.
constexpr std::size_t kShareFromBytes = 4096;

// A record's msgpack around its key, value and headers is below this.
constexpr std::size_t kRecordOverheadBytes = 32;

std::size_t record_size(const ProduceRequest& produce) {
    return kRecordOverheadBytes + (produce.key ? produce.key->size() : 0) + (produce.value ? produce.value->size() : 0) +
           (produce.headers ? produce.headers->size() : 0);
}

// The request's headers as the decoder checked them: a map of strings to bytes.
void read_headers(ByteView bytes, std::vector<RecordHeader>& out) {
    MsgpackReader reader(bytes);
    const std::uint32_t size = reader.map().value_or(0);
    for (std::uint32_t i = 0; i < size; ++i) {
        const auto name = reader.str();
        const auto value = name ? reader.blob() : std::nullopt;
        if (!value) return;
        out.push_back({*name, *value});
    }
}

}  // namespace

Status Broker::State::admit(std::size_t size_bytes) {
    if (shutting_down) return {ErrorCode::shutting_down, "this node is stopping; try again soon"};
    // The shell stops reading clients at the budget; what it had read already may exceed it by as much again.
    if (unsynced_bytes + turn.bytes + size_bytes > 2 * options.max_unsynced_bytes)
        return {ErrorCode::busy, "too much waits for the disk; try again"};
    return {};
}

void Broker::State::on_produce(Now now, const ConnectionId& from, const Request& request, InboundMessage& message) {
    const auto& produce = std::get<ProduceRequest>(request.body);
    ++counters.produce_requests;
    const auto reply_error = [&](Status status) {
        if (produce.acks == Acks::none)
            ++counters.errors[status.code];
        else
            refuse(from, request.correlation_id, std::move(status));
    };
    Topic* topic = catalogue.find(produce.topic);
    if (topic == nullptr)
        return reply_error({ErrorCode::unknown_topic, "there is no topic '" + std::string(produce.topic.substr(0, 249)) + "'; create it first"});
    if (produce.partition && topic->partition(*produce.partition) == nullptr)
        return reply_error({ErrorCode::unknown_partition, "topic '" + topic->description.name + "' has partitions 0 to " +
                                                              std::to_string(topic->partitions.size() - 1)});
    const bool body_behind_header = message.bytes(0).size() > request.header_bytes;
    if (message.frames() > 2 || (message.frames() == 2 && body_behind_header))
        return reply_error({ErrorCode::bad_request, "a request has one body: behind the header, or in the second frame"});
    const bool has_body = body_behind_header || message.frames() == 2;
    const bool has_record = produce.key || produce.value || produce.headers || produce.timestamp_ms;
    if (has_body && has_record)
        return reply_error({ErrorCode::bad_request, "send a batch as the body, or one record in the header, not both"});
    if (!has_body && !produce.value && !produce.key)
        return reply_error({ErrorCode::bad_request, "there is no record: send a batch as the body, or key and value in the header"});
    if (!has_body) return produce_plain(now, from, request, produce, *topic);
    if (!produce.partition) return reply_error({ErrorCode::bad_request, "a batch needs the field 'partition'"});
    if (body_behind_header)
        produce_batch(now, from, request, produce, *topic, message, 0, request.header_bytes);
    else
        produce_batch(now, from, request, produce, *topic, message, 1, 0);
}

void Broker::State::produce_plain(Now now, const ConnectionId& from, const Request& request, const ProduceRequest& produce,
                                  Topic& topic) {
    const std::size_t size_bytes = record_size(produce);
    const std::uint64_t max_batch_bytes = topic.description.config.max_batch_bytes;
    Status status = admit(size_bytes);
    if (status.ok() && size_bytes + kBatchHeaderBytes > max_batch_bytes)
        status = {ErrorCode::record_too_large, "topic '" + topic.description.name + "' takes batches of at most " +
                                                   std::to_string(max_batch_bytes) + " bytes"};
    if (status.ok()) status = make_room(now, size_bytes, false);
    if (!status.ok()) {
        if (produce.acks == Acks::none)
            ++counters.errors[status.code];
        else
            refuse(from, request.correlation_id, std::move(status));
        return;
    }
    const auto partitions = static_cast<std::uint32_t>(topic.partitions.size());
    const PartitionIndex index = produce.partition ? *produce.partition
                                 : produce.key     ? partition_of_key(*produce.key, partitions)
                                                   : PartitionIndex{static_cast<std::uint32_t>(next_partition_without_key++ % partitions)};
    Partition& partition = *topic.partition(index);
    if (partition.open.size_bytes() + size_bytes > max_batch_bytes || partition.open.count() == limits::kMaxRecordsPerBatch) {
        close_batch(now, topic, partition);
        std::erase_if(open_batches, [&](const auto& open) { return open.second == &partition; });
    }
    if (partition.open.empty()) {
        open_batches.emplace_back(&topic, &partition);
        turn_cost_bound += kJournalEntryHeaderBytes + kBatchHeaderBytes + 8;
    }
    turn_cost_bound += size_bytes;
    turn.bytes += size_bytes;
    const Offset offset = partition.end + partition.open.count();
    const std::uint64_t timestamp_ms = produce.timestamp_ms.value_or(now.wall_ms);
    if (produce.headers) {
        std::vector<RecordHeader> headers;
        read_headers(*produce.headers, headers);
        partition.open.add(timestamp_ms, produce.key, produce.value, headers);
    } else {
        partition.open.add(timestamp_ms, produce.key, produce.value);
    }
    answer_produce(from, request, produce, topic, partition, offset);
}

void Broker::State::answer_produce(const ConnectionId& to, const Request& request, const ProduceRequest& produce,
                                   const Topic& topic, Partition& partition, Offset offset) {
    if (produce.acks == Acks::none) return;
    if (produce.merge_answers && !turn.answers.empty()) {
        ProduceAnswer& last = turn.answers.back();
        const ProduceResponse& done = last.response;
        if (last.may_merge && last.correlation_id + done.count == request.correlation_id && done.offset + done.count == offset &&
            done.partition == partition.id.partition && last.to == to) {
            ++last.response.count;
            ++counters.answers_merged;
            return;
        }
    }
    const std::uint32_t copies = topic.description.config.sync ? 1 : 0;
    turn.answers.push_back({to, request.correlation_id, produce.merge_answers,
                            ProduceResponse{partition.id.partition, offset, copies, 1, false}});
}

// The gathered records become a batch at the offsets that their answers were promised.
void Broker::State::close_batch(Now now, Topic& topic, Partition& partition) {
    if (partition.open.empty()) return;
    Buffer batch = partition.open.finish();
    stamp_batch(batch, partition.end, now.wall_ms, options.epoch);
    const auto header = read_batch_header(batch);
    append_batch(topic, partition, SharedBytes::take(std::move(batch)), *header);
}

void Broker::State::append_batch(Topic& topic, Partition& partition, SharedBytes bytes, const BatchHeader& header) {
    partition.on_append(header, options.max_producers_per_partition, options.producer_expiry_ms);
    recent.add(partition, header.base_offset, header.end_offset(), bytes);
    counters.produced_records += header.count;
    counters.produced_bytes += header.size_bytes;
    segment_has_records = true;
    turn_syncs = turn_syncs || topic.description.config.sync;
    if (!turn.ends.empty() && turn.ends.back().first == partition.id)
        turn.ends.back().second = partition.end;
    else
        turn.ends.emplace_back(partition.id, partition.end);
    turn_entries.push_back({EntryType::batch, partition.id, header.base_offset, std::move(bytes)});
}

void Broker::State::produce_batch(Now now, const ConnectionId& from, const Request& request, const ProduceRequest& produce,
                                  Topic& topic, InboundMessage& message, std::size_t frame, std::size_t at) {
    const auto reply_error = [&](Status status) {
        if (produce.acks == Acks::none)
            ++counters.errors[status.code];
        else
            refuse(from, request.correlation_id, std::move(status));
    };
    const MutableBytes bytes = message.bytes(frame).subspan(at);
    auto header = check_batch(bytes);
    if (!header.ok()) return reply_error(header.status());
    if (header->size_bytes != bytes.size()) return reply_error({ErrorCode::corrupt_batch, "bytes follow the batch; a request has one batch"});
    if (header->size_bytes > topic.description.config.max_batch_bytes)
        return reply_error({ErrorCode::record_too_large, "topic '" + topic.description.name + "' takes batches of at most " +
                                                             std::to_string(topic.description.config.max_batch_bytes) + " bytes"});
    // Read every record once here, so that no consumer has to meet a malformed one.
    if (Status status = for_each_record(bytes, [](Offset, const RecordView&) { return true; }); !status.ok())
        return reply_error(std::move(status));
    if (Status status = admit(bytes.size()); !status.ok()) return reply_error(std::move(status));

    Partition& partition = *topic.partition(*produce.partition);
    if (header->producer_id != ProducerId{}) {
        std::optional<ProducerTable::Batch> original;
        if (Status status = partition.producers.check(*header, original); !status.ok()) return reply_error(std::move(status));
        if (original) {
            ++counters.duplicates;
            if (produce.acks == Acks::none) return;
            // Answered on the original's condition: with the newest write that may hold it.
            open_turn(now);
            const std::uint32_t copies = topic.description.config.sync ? 1 : 0;
            turn.answers.push_back({from, request.correlation_id, false,
                                    ProduceResponse{partition.id.partition, original->base_offset, copies, 1, true}});
            return;
        }
    }
    if (Status status = make_room(now, bytes.size(), false); !status.ok()) return reply_error(std::move(status));
    if (!partition.open.empty()) {
        close_batch(now, topic, partition);
        std::erase_if(open_batches, [&](const auto& open) { return open.second == &partition; });
    }
    stamp_batch(bytes, partition.end, now.wall_ms, options.epoch);
    header = read_batch_header(bytes);
    turn_cost_bound += bytes.size() + kJournalEntryHeaderBytes + 8;
    turn.bytes += bytes.size();
    SharedBytes stored = bytes.size() >= kShareFromBytes ? message.share(frame).part(at, bytes.size()) : SharedBytes::copy_of(bytes);
    append_batch(topic, partition, std::move(stored), *header);
    answer_produce(from, request, produce, topic, partition, header->base_offset);
}

}  // namespace sedge::node
