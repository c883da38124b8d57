// Reads of records that are no longer in memory: a bounded number under way, the others wait here. Whatever was true when a read was
// asked for is looked at again when it begins and when it ends: meanwhile topics go and logs lose their beginning.
#include <algorithm>

#include "node/core/broker_state.h"

namespace sedge::node {
namespace {

// Of one read, so that those under way stay small; a fetch that wants more asks again.
constexpr std::size_t kColdReadBytes = 1u << 20;

const ConnectionId& client_of(const PendingRead& read) {
    return std::visit([](const auto& each) -> const ConnectionId& { return each.from; }, read);
}

std::uint64_t correlation_of(const PendingRead& read) {
    return std::visit([](const auto& each) { return each.correlation_id; }, read);
}

Status disk_failed() { return {ErrorCode::storage_failed, "the disk did not answer; try again"}; }

}  // namespace

void Broker::State::start_read(PendingRead read) {
    const auto refused = [&](Status status) { refuse(client_of(read), correlation_of(read), std::move(status)); };
    if (shutting_down) return refused({ErrorCode::shutting_down, node_name() + " is stopping; try again soon"});
    if (!accounts.begin_wait(client_of(read))) return refused({ErrorCode::busy, "too many reads wait for the disk; try again"});
    queued_reads.push_back(std::move(read));
    start_queued_reads();
}

void Broker::State::start_queued_reads() {
    while (!queued_reads.empty() && reads.size() < options.max_cold_reads) {
        PendingRead read = std::move(queued_reads.front());
        queued_reads.pop_front();
        const ConnectionId client = client_of(read);
        const bool started = std::holds_alternative<PendingFetch>(read) ? start_fetch(std::get<PendingFetch>(read))
                                                                        : start_lookup(std::get<TimeLookup>(read));
        if (!started) accounts.end_wait(client);
    }
}

// False: it was answered at once.
bool Broker::State::start_fetch(PendingFetch& fetch) {
    const Partition* partition = check_range(fetch);
    if (partition == nullptr) return false;
    const std::size_t allowance = accounts.allowance(fetch.from);
    if (allowance == 0) {
        refuse(fetch.from, fetch.correlation_id, {ErrorCode::busy, "too many answers wait to be read; read them first"});
        return false;
    }
    const std::size_t max_bytes = std::min({fetch.max_bytes, allowance, kColdReadBytes});
    effects.reads.emplace_back(ReadRecords{++last_read_id, fetch.partition, fetch.offset, partition->high_watermark, max_bytes});
    accounts.on_sent(fetch.from, max_bytes);
    reads.emplace(last_read_id, ReadUnderWay{std::move(fetch), max_bytes});
    ++counters.cold_reads;
    return true;
}

bool Broker::State::start_lookup(TimeLookup& lookup) {
    const Partition* partition = catalogue.find(lookup.partition);
    if (partition == nullptr) {
        refuse(lookup.from, lookup.correlation_id, {ErrorCode::unknown_topic, "the topic was deleted"});
        return false;
    }
    effects.reads.emplace_back(
        FindTime{++last_read_id, lookup.partition, partition->start, partition->high_watermark, lookup.timestamp_ms});
    reads.emplace(last_read_id, ReadUnderWay{std::move(lookup), 0});
    ++counters.cold_reads;
    return true;
}

void Broker::on_read(Now, std::uint64_t read_id, ReadResult result) {
    State& s = *state_;
    if (const auto replica = s.mesh.reads.find(read_id); replica != s.mesh.reads.end()) {
        const ReplicaRead read = replica->second;
        s.mesh.reads.erase(replica);
        return s.finish_replica_read(read, result);
    }
    const auto found = s.reads.find(read_id);
    if (found == s.reads.end()) return;
    const ReadUnderWay done = std::move(found->second);
    s.reads.erase(found);
    s.accounts.on_taken(client_of(done.read), done.reserved_bytes);
    s.accounts.end_wait(client_of(done.read));
    if (const auto* fetch = std::get_if<PendingFetch>(&done.read))
        s.finish(*fetch, result);
    else
        s.finish(std::get<TimeLookup>(done.read), result);
    s.start_queued_reads();
}

void Broker::State::finish(const PendingFetch& fetch, ReadResult& result) {
    const Partition* partition = check_range(fetch);
    if (partition == nullptr) return;
    if (result.outcome == ReadResult::Outcome::damaged) {
        const Offset next = std::max(result.next_offset, fetch.offset + 1);
        return refuse(fetch.from, fetch.correlation_id,
                      {ErrorCode::damaged, "the records from offset " + std::to_string(fetch.offset.value) + " to " +
                                               std::to_string(next.value - 1) + " are damaged on the disk and quarantined"},
                      next);
    }
    if (result.outcome == ReadResult::Outcome::failed || result.batches.empty())
        return refuse(fetch.from, fetch.correlation_id, disk_failed());
    serve_batches(fetch, *partition, std::move(result.batches));
}

void Broker::State::finish(const TimeLookup& lookup, const ReadResult& result) {
    const Partition* partition = catalogue.find(lookup.partition);
    if (partition == nullptr)
        return refuse(lookup.from, lookup.correlation_id, {ErrorCode::unknown_topic, "the topic was deleted"});
    if (result.outcome == ReadResult::Outcome::failed) return refuse(lookup.from, lookup.correlation_id, disk_failed());
    const Offset found = result.outcome == ReadResult::Outcome::damaged ? result.next_offset : result.offset;
    // What was found has expired meanwhile: the next one of that time need not be the new start.
    if (found < partition->start) return start_read(lookup);
    answer(lookup.from, lookup.correlation_id,
           ListOffsetsResponse{std::min(found, partition->high_watermark)});
}

}  // namespace sedge::node
