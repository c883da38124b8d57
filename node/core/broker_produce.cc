// Produce: one-record requests, gathered into batches, and batches from clients.
#include <algorithm>

#include "node/core/broker_state.h"
#include "schema/msgpack.h"
#include "schema/partitioner.h"

namespace sedge::node {
namespace {

// What a request costs while it waits for the disk, beside its record.
constexpr std::size_t kRequestOverheadBytes = 64;

// The request's headers as the decoder checked them: a map of strings to bytes.
void read_headers(ByteView bytes, std::vector<RecordHeader>& out) {
    out.clear();
    MsgpackReader reader(bytes);
    const std::uint32_t size = reader.map().value_or(0);
    for (std::uint32_t i = 0; i < size; ++i) {
        const auto name = reader.str();
        const auto value = name ? reader.blob() : std::nullopt;
        if (!value) return;
        out.push_back({*name, *value});
    }
}

Status too_large(const Topic& topic) {
    return {ErrorCode::record_too_large, "topic '" + topic.description.name + "' takes batches of at most " +
                                             std::to_string(topic.description.config.max_batch_bytes) + " bytes, header included"};
}

Status too_large_for_segment(const std::string& node) {
    return {ErrorCode::record_too_large, "the record or batch is larger than half a log segment of " + node};
}

Status bad_request(const char* what) { return {ErrorCode::bad_request, what}; }

// How many copies of a record are sure to survive once its write is stored.
std::uint32_t durable_copies(const Topic& topic) { return topic.description.config.sync ? 1 : 0; }

// Everything about a batch that does not depend on the state. Every record is read once here, so that no consumer meets a malformed one.
Result<BatchHeader> check_client_batch(ByteView bytes, const Topic& topic) {
    auto header = check_batch(bytes);
    if (!header.ok()) return header;
    if (header->size_bytes != bytes.size()) return Status{ErrorCode::corrupt_batch, "bytes follow the batch; a request has one batch"};
    if (header->size_bytes > topic.description.config.max_batch_bytes) return too_large(topic);
    if (Status status = for_each_record(bytes, [](Offset, const RecordView&) { return true; }); !status.ok()) return status;
    return header;
}

}  // namespace

void Broker::State::on_produce(Now now, const ConnectionId& from, const Request& request, InboundMessage& message) {
    ++counters.produce_requests;
    Status status = produce(now, from, request, message);
    if (status.ok()) return;
    if (std::get<ProduceRequest>(request.body).acks != Acks::none)
        refuse(from, request.correlation_id, std::move(status));
    else
        ++counters.errors[status.code];
}

Status Broker::State::produce(Now now, const ConnectionId& from, const Request& request, InboundMessage& message) {
    const auto& produce = std::get<ProduceRequest>(request.body);
    if (Status status = admit(from); !status.ok()) return status;
    Topic* topic = catalogue.find(produce.topic);
    if (topic == nullptr) return no_topic(produce.topic);
    if (produce.partition && topic->partition(*produce.partition) == nullptr) return no_partition(*topic);
    const bool body_behind_header = message.bytes(0).size() > request.header_bytes;
    const bool body_in_frame = message.frames() > 1;
    if (message.frames() > 2 || (body_behind_header && body_in_frame))
        return bad_request("a request has one body: behind the header, or in the second frame");
    const bool has_record = produce.key || produce.value || produce.headers || produce.timestamp_ms;
    if (!body_behind_header && !body_in_frame) {
        if (!produce.value && !produce.key)
            return bad_request("there is no record: send a batch as the body, or key and value in the header");
        return produce_plain(now, from, request, *topic);
    }
    if (has_record) return bad_request("send a batch as the body, or one record in the header, not both");
    if (!produce.partition) return bad_request("a batch needs the field 'partition'");
    if (body_behind_header) return produce_batch(now, from, request, *topic, message, 0, request.header_bytes);
    return produce_batch(now, from, request, *topic, message, 1, 0);
}

Status Broker::State::admit(const ConnectionId& from) const {
    if (shutting_down) return {ErrorCode::shutting_down, node_name() + " is stopping; try again soon"};
    if (!accounts.may_ask(from)) return {ErrorCode::busy, "too many answers wait to be read; read them first"};
    // The shell stops reading clients at the budget; what it had read already may exceed it by as much again.
    if (unsynced_bytes + turn.bytes > 2 * options.max_unsynced_bytes) return {ErrorCode::busy, "too much waits for the disk; try again"};
    return {};
}

// --- One record ---

PartitionIndex Broker::State::choose_partition(const ProduceRequest& produce, const Topic& topic) const {
    if (produce.partition) return *produce.partition;
    const auto partitions = static_cast<std::uint32_t>(topic.partitions.size());
    if (produce.key) return partition_of_key(*produce.key, partitions);
    // One partition for a whole turn, another for the next: larger batches, and answers that merge.
    return PartitionIndex{static_cast<std::uint32_t>(turn_number % partitions)};
}

Status Broker::State::produce_plain(Now now, const ConnectionId& from, const Request& request, Topic& topic) {
    const auto& produce = std::get<ProduceRequest>(request.body);
    Coalescer::Record record{produce.timestamp_ms.value_or(now.wall_ms), produce.key, produce.value, nullptr};
    if (produce.headers) {
        read_headers(*produce.headers, headers);
        record.headers = &headers;
    }
    const std::size_t record_bytes = Coalescer::size_bytes(record);
    const auto max_batch_bytes = static_cast<std::size_t>(topic.description.config.max_batch_bytes);
    if (kBatchHeaderBytes + record_bytes > max_batch_bytes) return too_large(topic);
    if (!segment.is_storable(kBatchHeaderBytes + record_bytes)) return too_large_for_segment(node_name());
    const PartitionIndex index = choose_partition(produce, topic);
    Partition& partition = *topic.partition(index);
    if (Status status = admit_replicated(topic, partition, produce.acks); !status.ok()) return status;
    // As if it began a batch; if it does not, it takes less.
    const std::uint64_t entry_bytes = SegmentBudget::entry_bytes(kBatchHeaderBytes + record_bytes + Coalescer::kMaxDeltaBytes);
    if (Status status = make_room(now, entry_bytes, false); !status.ok()) return status;

    const bool joins = coalescer.has_room(partition, record_bytes, max_batch_bytes);
    if (!joins) close_batch(now, partition);
    turn_entry_bytes += joins ? record_bytes + Coalescer::kMaxDeltaBytes : entry_bytes;
    turn.bytes += record_bytes + kRequestOverheadBytes;
    coalescer.add(topic, partition, record);
    const Offset offset = partition.end;
    partition.end = offset + 1;
    answer_produce(from, request, topic, partition, offset + 1, {index, offset, durable_copies(topic), 1, false});
    return {};
}

void Broker::State::answer_produce(const ConnectionId& to, const Request& request, const Topic& topic, Partition& partition, Offset end,
                                   const ProduceResponse& response) {
    const auto& produce = std::get<ProduceRequest>(request.body);
    if (produce.acks == Acks::none) return;
    const bool may_merge = produce.merge_answers && !response.duplicate;
    if (partition.role != nullptr && produce.acks == Acks::all) {
        hold_answer(partition, {to, may_merge, request.correlation_id, end, response});
        return release_held(partition);  // a duplicate of what is committed
    }
    const bool same_client = !turn.clients.empty() && turn.clients.back() == to;
    if (!same_client) turn.clients.push_back(to);
    const auto client = static_cast<std::uint32_t>(turn.clients.size() - 1);
    if (may_merge && same_client && !turn.answers.empty()) {
        ProduceAnswer& last = turn.answers.back();
        ProduceResponse& so_far = last.response;
        if (last.client == client && last.may_merge && last.topic == &topic && so_far.partition == response.partition &&
            last.correlation_id + so_far.count == request.correlation_id && so_far.offset + so_far.count == response.offset) {
            ++so_far.count;
            ++counters.answers_merged;
            return;
        }
    }
    turn.answers.push_back({client, may_merge, &topic, request.correlation_id, response});
}

// May a log with replicas take records now? The route has found that this node leads it.
Status Broker::State::admit_replicated(const Topic& topic, const Partition& partition, Acks acks) const {
    if (partition.role == nullptr) return {};
    const LeaderReplicas& replicas = partition.role->leader->replicas;
    if (acks == Acks::all && !replicas.enough_in_sync())
        return {ErrorCode::not_enough_replicas, std::to_string(replicas.chosen().isr.size()) + " of " + std::to_string(topic.description.replicas) +
                                                    " replicas are in sync, and min_insync is " +
                                                    std::to_string(topic.description.config.min_insync) + "; nothing was stored"};
    if (partition.log->undo.size() >= mesh_limits::kMaxUndo)
        return {ErrorCode::busy, "too many records wait for the replicas; try again"};
    return {};
}

// --- A batch ---

Status Broker::State::produce_batch(Now now, const ConnectionId& from, const Request& request, Topic& topic, InboundMessage& message,
                                    std::size_t frame, std::size_t at) {
    const auto& produce = std::get<ProduceRequest>(request.body);
    const MutableBytes bytes = message.bytes(frame).subspan(at);
    auto header = check_client_batch(bytes, topic);
    if (!header.ok()) return header.status();
    Partition& partition = *topic.partition(*produce.partition);
    if (Status status = admit_replicated(topic, partition, produce.acks); !status.ok()) return status;
    if (header->producer_id != ProducerId{}) {
        std::optional<ProducerTable::Batch> original;
        if (Status status = partition.producers.check(*header, original); !status.ok()) {
            if (partition.role == nullptr || produce.acks == Acks::none) return status;
            refuse_as_leader(partition, from, request.correlation_id, std::move(status), std::nullopt);
            return {};
        }
        if (original) {
            // Answered on the original's condition: with the newest write, which comes after the one that holds it.
            ++counters.duplicates;
            answer_produce(from, request, topic, partition, original->base_offset + original->count,
                           {partition.id.partition, original->base_offset, durable_copies(topic), 1, true});
            return {};
        }
    }
    if (!segment.is_storable(bytes.size())) return too_large_for_segment(node_name());
    const std::uint64_t entry_bytes = SegmentBudget::entry_bytes(bytes.size());
    if (Status status = make_room(now, entry_bytes, false); !status.ok()) return status;

    close_batch(now, partition);
    const Offset offset = partition.end;
    stamp_batch(bytes, offset, now.wall_ms, append_epoch(partition));
    header = read_batch_header(bytes);
    turn_entry_bytes += entry_bytes;
    turn.bytes += bytes.size() + kRequestOverheadBytes;
    // A large batch keeps the message that brought it; a small one would keep too much around itself.
    const bool is_small = bytes.size() <= BytePool::kLargestBytes;
    append_batch(topic, partition, is_small ? pool.copy(bytes) : message.share(frame).part(at, bytes.size()), *header);
    answer_produce(from, request, topic, partition, header->end_offset(),
                   {partition.id.partition, offset, durable_copies(topic), 1, false});
    return {};
}

}  // namespace sedge::node
