// Fetch: from memory, from the disk through the read pool, or later when there is something.
#include <algorithm>

#include "node/core/broker_state.h"

namespace sedge::node {
namespace {

std::size_t total_size(const std::vector<SharedBytes>& batches) {
    std::size_t size = 0;
    for (const SharedBytes& each : batches) size += each.size();
    return size;
}

std::optional<Buffer> copy_of(const std::optional<ByteView>& bytes) {
    return bytes ? std::optional(Buffer(bytes->begin(), bytes->end())) : std::nullopt;
}

PlainRecord plain_record(Offset offset, const RecordView& record) {
    PlainRecord plain{offset, record.timestamp_ms, copy_of(record.key), copy_of(record.value), {}};
    for (const RecordHeader& header : record.headers)
        plain.headers.emplace_back(header.name, Buffer(header.value.begin(), header.value.end()));
    return plain;
}

}  // namespace

void Broker::State::on_fetch(Now now, const ConnectionId& from, const Request& request) {
    const auto& fetch = std::get<FetchRequest>(request.body);
    ++counters.fetch_requests;
    Topic* topic = catalogue.find(fetch.topic);
    if (topic == nullptr)
        return refuse(from, request.correlation_id, {ErrorCode::unknown_topic, "there is no topic '" + std::string(fetch.topic.substr(0, 249)) + "'"});
    if (topic->partition(fetch.partition) == nullptr)
        return refuse(from, request.correlation_id, {ErrorCode::unknown_partition, "topic '" + topic->description.name + "' has partitions 0 to " +
                                                                                      std::to_string(topic->partitions.size() - 1)});
    const std::uint32_t wait_ms = std::min(fetch.max_wait_ms, limits::kMaxFetchWaitMs);
    serve(now,
          PendingFetch{from, request.correlation_id, {topic->description.id, fetch.partition}, fetch.offset,
                       std::min<std::size_t>(fetch.max_bytes, limits::kMaxFetchBytes), fetch.plain, now.monotonic_ms + wait_ms},
          wait_ms > 0 && !shutting_down);
}

Status Broker::State::admit_reply(const ConnectionId& to) const {
    const auto found = reply_bytes.find(to);
    const std::size_t own = found == reply_bytes.end() ? 0 : found->second;
    if (own >= options.max_reply_bytes_per_connection)
        return {ErrorCode::busy, std::to_string(own) + " bytes wait for this connection to read them; read, then ask for more"};
    // A connection that owes nothing always gets an answer, so that a few greedy ones cannot starve the others.
    if (all_reply_bytes >= (own == 0 ? 2 : 1) * options.max_reply_bytes)
        return {ErrorCode::busy, "too many answers wait for clients to read them; try again"};
    return {};
}

void Broker::State::serve(Now now, PendingFetch fetch, bool may_wait) {
    Partition* partition = catalogue.find(fetch.partition);
    if (partition == nullptr) return refuse(fetch.from, fetch.correlation_id, {ErrorCode::unknown_topic, "the topic was deleted"});
    if (fetch.offset < partition->start || fetch.offset > partition->end)
        return refuse(fetch.from, fetch.correlation_id,
                      {ErrorCode::offset_out_of_range, "the partition holds offsets " + std::to_string(partition->start.value) + " to " +
                                                           std::to_string(partition->end.value)},
                      partition->start);
    if (fetch.offset >= partition->high_watermark) {
        if (!may_wait) return serve_batches(fetch, *partition, {});
        if (waiters.size() >= options.max_waiting_fetches ||
            waiters.of_connection(fetch.from) >= options.max_waiting_fetches_per_connection)
            return refuse(fetch.from, fetch.correlation_id, {ErrorCode::busy, "too many fetches wait; wait for their answers first"});
        return waiters.add(*partition, std::move(fetch));
    }
    if (Status status = admit_reply(fetch.from); !status.ok()) return refuse(fetch.from, fetch.correlation_id, std::move(status));
    auto batches = RecentCache::read(*partition, fetch.offset, partition->high_watermark, fetch.max_bytes);
    if (!batches.empty()) return serve_batches(fetch, *partition, std::move(batches));
    const ReadRecords read{0, fetch.partition, fetch.offset, partition->high_watermark, fetch.max_bytes};
    static_cast<void>(now);
    start_read(ColdFetch{std::move(fetch)}, read);
}

void Broker::State::serve_batches(const PendingFetch& fetch, const Partition& partition, std::vector<SharedBytes> batches) {
    if (fetch.plain) return serve_plain(fetch, partition, batches);
    Send send{fetch.from, {}, std::move(batches), 0};
    send.reply_bytes = total_size(send.body);
    encode_response(fetch.correlation_id, FetchResponse{partition.start, partition.end, partition.high_watermark, {}}, send.header);
    counters.fetched_bytes += send.reply_bytes;
    if (send.reply_bytes > 0) reply_bytes[fetch.from] += send.reply_bytes;
    all_reply_bytes += send.reply_bytes;
    effects.sends.push_back(std::move(send));
}

void Broker::State::serve_plain(const PendingFetch& fetch, const Partition& partition, const std::vector<SharedBytes>& batches) {
    FetchResponse response{partition.start, partition.end, partition.high_watermark, {}};
    std::size_t taken_bytes = 0;
    const auto take = [&](Offset offset, const RecordView& record) {
        if (offset < fetch.offset) return true;
        const std::size_t size = (record.key ? record.key->size() : 0) + (record.value ? record.value->size() : 0);
        const bool full = taken_bytes + size > fetch.max_bytes && !response.records.empty();
        if (full || response.records.size() == limits::kMaxPlainRecords) return false;
        taken_bytes += size;
        response.records.push_back(plain_record(offset, record));
        return true;
    };
    for (const SharedBytes& each : batches) {
        for (ByteView rest = each.view(); !rest.empty();) {
            const auto header = read_batch_header(rest);
            if (!header.ok() || !for_each_record(rest, take).ok()) break;  // checked on the way in and on the way from the disk
            rest = rest.subspan(header->size_bytes);
        }
    }
    // The records travel inside the header frame; it counts as the body of an answer does.
    Send send{fetch.from, {}, {}, 0};
    Buffer header;
    encode_response(fetch.correlation_id, response, header);
    counters.fetched_bytes += taken_bytes;
    send.header = std::move(header);
    if (!response.records.empty()) {
        send.reply_bytes = send.header.size();
        reply_bytes[fetch.from] += send.reply_bytes;
        all_reply_bytes += send.reply_bytes;
    }
    effects.sends.push_back(std::move(send));
}

void Broker::State::wake_waiters(Now now, Partition& partition) {
    if (partition.waiting_fetches.empty()) return;
    for (PendingFetch& fetch : waiters.take(partition)) {
        const bool time_left = fetch.deadline_ms > now.monotonic_ms;
        serve(now, std::move(fetch), time_left);
    }
}

// --- Reads from the disk ---

void Broker::State::start_read(PendingRead read, ReadEffect effect) {
    if (queued_reads.size() >= options.max_waiting_fetches) {
        std::visit([this](const auto& each) {
            if constexpr (requires { each.fetch; })
                refuse(each.fetch.from, each.fetch.correlation_id, {ErrorCode::busy, "too many reads wait for the disk; try again"});
            else
                refuse(each.from, each.correlation_id, {ErrorCode::busy, "too many reads wait for the disk; try again"});
        }, read);
        return;
    }
    queued_reads.emplace_back(std::move(read), effect);
    start_queued_reads();
}

void Broker::State::start_queued_reads() {
    while (!queued_reads.empty() && reads.size() < options.max_cold_reads) {
        auto [read, effect] = std::move(queued_reads.front());
        queued_reads.pop_front();
        const std::uint64_t read_id = ++last_read_id;
        std::visit([read_id](auto& each) { each.read_id = read_id; }, effect);
        ++counters.cold_reads;
        reads.emplace(read_id, std::move(read));
        effects.reads.push_back(effect);
    }
}

void Broker::on_read(Now, std::uint64_t read_id, ReadResult result) {
    State& s = *state_;
    const auto found = s.reads.find(read_id);
    if (found == s.reads.end()) return;
    const PendingRead read = std::move(found->second);
    s.reads.erase(found);
    if (const auto* cold = std::get_if<ColdFetch>(&read)) {
        s.finish_fetch(cold->fetch, result);
    } else {
        const auto& lookup = std::get<TimeLookup>(read);
        if (s.catalogue.find(lookup.partition) == nullptr)
            s.refuse(lookup.from, lookup.correlation_id, {ErrorCode::unknown_topic, "the topic was deleted"});
        else if (result.outcome == ReadResult::Outcome::found)
            s.answer(lookup.from, lookup.correlation_id, ListOffsetsResponse{result.offset});
        else
            s.refuse(lookup.from, lookup.correlation_id, {ErrorCode::storage_failed, "the disk did not answer; try again"});
    }
    s.start_queued_reads();
}

void Broker::State::finish_fetch(const PendingFetch& fetch, ReadResult& result) {
    const Partition* partition = catalogue.find(fetch.partition);
    // What was read may have been deleted, or retention may have passed it, while the disk was busy.
    if (partition == nullptr) return refuse(fetch.from, fetch.correlation_id, {ErrorCode::unknown_topic, "the topic was deleted"});
    if (fetch.offset < partition->start)
        return refuse(fetch.from, fetch.correlation_id, {ErrorCode::offset_out_of_range, "these records have expired"}, partition->start);
    if (result.outcome == ReadResult::Outcome::damaged)
        return refuse(fetch.from, fetch.correlation_id,
                      {ErrorCode::damaged, "the records from offset " + std::to_string(fetch.offset.value) + " to " +
                                               std::to_string(result.next_offset.value) + " are damaged on the disk and quarantined"},
                      result.next_offset);
    if (result.outcome == ReadResult::Outcome::failed || result.batches.empty())
        return refuse(fetch.from, fetch.correlation_id, {ErrorCode::storage_failed, "the disk did not answer; try again"});
    serve_batches(fetch, *partition, std::move(result.batches));
}

void Broker::State::on_list_offsets(const ConnectionId& from, const Request& request) {
    const auto& list = std::get<ListOffsetsRequest>(request.body);
    Topic* topic = catalogue.find(list.topic);
    if (topic == nullptr)
        return refuse(from, request.correlation_id, {ErrorCode::unknown_topic, "there is no topic '" + std::string(list.topic.substr(0, 249)) + "'"});
    const Partition* partition = topic->partition(list.partition);
    if (partition == nullptr)
        return refuse(from, request.correlation_id, {ErrorCode::unknown_partition, "topic '" + topic->description.name + "' has partitions 0 to " +
                                                                                      std::to_string(topic->partitions.size() - 1)});
    if (list.at == ListOffsetsRequest::At::start) return answer(from, request.correlation_id, ListOffsetsResponse{partition->start});
    if (list.at == ListOffsetsRequest::At::end || partition->start == partition->high_watermark)
        return answer(from, request.correlation_id, ListOffsetsResponse{partition->high_watermark});
    start_read(TimeLookup{from, request.correlation_id, partition->id},
               FindTime{0, partition->id, partition->start, partition->high_watermark, list.timestamp_ms});
}

}  // namespace sedge::node
