// Fetch: from memory, later when there is something, or from the disk (broker_reads.cc).
#include <algorithm>

#include "node/core/broker_state.h"
#include "node/core/plain_records.h"

namespace sedge::node {

Status no_topic(std::string_view name) {
    return {ErrorCode::unknown_topic,
            "there is no topic '" + std::string(name.substr(0, limits::kMaxTopicNameBytes)) + "'; create it first"};
}

Status no_partition(const Topic& topic) {
    return {ErrorCode::unknown_partition,
            "topic '" + topic.description.name + "' has partitions 0 to " + std::to_string(topic.partitions.size() - 1)};
}

void Broker::State::on_fetch(Now now, const ConnectionId& from, const Request& request) {
    const auto& fetch = std::get<FetchRequest>(request.body);
    ++counters.fetch_requests;
    Topic* topic = catalogue.find(fetch.topic);
    if (topic == nullptr) return refuse(from, request.correlation_id, no_topic(fetch.topic));
    if (topic->partition(fetch.partition) == nullptr) return refuse(from, request.correlation_id, no_partition(*topic));
    const std::uint32_t wait_ms = std::min(fetch.max_wait_ms, limits::kMaxFetchWaitMs);
    const std::size_t max_bytes = std::min<std::size_t>(fetch.max_bytes, limits::kMaxFetchBytes);
    serve({from, request.correlation_id, {topic->description.id, fetch.partition}, fetch.offset, max_bytes, fetch.plain,
           now.monotonic_ms + wait_ms},
          wait_ms > 0 && !shutting_down);
}

Partition* Broker::State::check_range(const PendingFetch& fetch) {
    Partition* partition = catalogue.find(fetch.partition);
    if (partition == nullptr) {
        refuse(fetch.from, fetch.correlation_id, {ErrorCode::unknown_topic, "the topic was deleted"});
        return nullptr;
    }
    if (fetch.offset >= partition->start && fetch.offset <= partition->end) return partition;
    Status status{ErrorCode::offset_out_of_range, "offset " + std::to_string(fetch.offset.value) + " is not in the partition: it begins at " +
                                                      std::to_string(partition->start.value) + " and ends at " +
                                                      std::to_string(partition->end.value)};
    if (partition->role != nullptr && partition->role->leads())
        refuse_as_leader(*partition, fetch.from, fetch.correlation_id, std::move(status), partition->start);
    else if (partition->role != nullptr)
        refuse(fetch.from, fetch.correlation_id, {ErrorCode::not_leader, node_name() + " does not lead the partition any more; try again"});
    else
        refuse(fetch.from, fetch.correlation_id, std::move(status), partition->start);
    return nullptr;
}

void Broker::State::serve(PendingFetch fetch, bool may_wait) {
    Partition* partition = check_range(fetch);
    if (partition == nullptr) return;
    if (fetch.offset >= partition->high_watermark) {
        if (!may_wait) return serve_batches(fetch, *partition, {});
        if (!accounts.begin_wait(fetch.from))
            return refuse(fetch.from, fetch.correlation_id, {ErrorCode::busy, "too many fetches wait; wait for their answers first"});
        return waiters.add(*partition, std::move(fetch));
    }
    const std::size_t allowance = accounts.allowance(fetch.from);
    if (allowance == 0)
        return refuse(fetch.from, fetch.correlation_id, {ErrorCode::busy, "too many answers wait to be read; read them first"});
    auto batches = RecentCache::read(*partition, fetch.offset, partition->high_watermark, std::min(fetch.max_bytes, allowance));
    if (!batches.empty()) return serve_batches(fetch, *partition, std::move(batches));
    start_read(std::move(fetch));
}

void Broker::State::serve_batches(const PendingFetch& fetch, const Partition& partition, std::vector<SharedBytes> batches) {
    if (fetch.plain) return serve_plain(fetch, partition, batches);
    Send send{fetch.from, {}, std::move(batches), 0};
    encode_response(fetch.correlation_id, FetchResponse{partition.start, partition.end, partition.high_watermark, {}}, send.header);
    for (const SharedBytes& each : send.body) counters.fetched_bytes += each.size();
    deliver(std::move(send));
}

void Broker::State::serve_plain(const PendingFetch& fetch, const Partition& partition, const std::vector<SharedBytes>& batches) {
    FetchResponse response{partition.start, partition.end, partition.high_watermark, {}};
    if (Status status = read_plain_records(batches, fetch.offset, fetch.max_bytes, response.records); !status.ok())
        return refuse(fetch.from, fetch.correlation_id, {ErrorCode::damaged, "these records cannot be read: " + status.message});
    for (const SharedBytes& each : batches) counters.fetched_bytes += each.size();
    answer(fetch.from, fetch.correlation_id, response);
}

void Broker::State::wake_waiters(Now now, Partition& partition) {
    if (partition.waiting_count == 0) return;
    for (PendingFetch& fetch : waiters.take(partition)) {
        accounts.end_wait(fetch.from);
        const bool time_left = fetch.deadline_ms > now.monotonic_ms && !shutting_down;
        serve(std::move(fetch), time_left);
    }
}

void Broker::State::on_list_offsets(const ConnectionId& from, const Request& request) {
    const auto& list = std::get<ListOffsetsRequest>(request.body);
    Topic* topic = catalogue.find(list.topic);
    if (topic == nullptr) return refuse(from, request.correlation_id, no_topic(list.topic));
    const Partition* partition = topic->partition(list.partition);
    if (partition == nullptr) return refuse(from, request.correlation_id, no_partition(*topic));
    if (list.at == ListOffsetsRequest::At::start) return answer(from, request.correlation_id, ListOffsetsResponse{partition->start});
    // The end is what consumers can reach: what is not stored yet may never be.
    if (list.at == ListOffsetsRequest::At::end || partition->start >= partition->high_watermark)
        return answer(from, request.correlation_id, ListOffsetsResponse{partition->high_watermark});
    start_read(TimeLookup{from, request.correlation_id, partition->id, list.timestamp_ms});
}

}  // namespace sedge::node
