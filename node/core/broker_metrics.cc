// What /metrics shows of the core.
#include "node/core/broker_state.h"

namespace sedge::node {

std::vector<Metric> Broker::metrics() const {
    const State& s = *state_;
    const Counters& c = s.counters;
    std::vector<Metric> out;
    const auto counter = [&](const char* name, const char* help, std::uint64_t value) {
        out.push_back({name, help, true, {}, static_cast<double>(value)});
    };
    const auto gauge = [&](const char* name, const char* help, std::size_t value) {
        out.push_back({name, help, false, {}, static_cast<double>(value)});
    };
    counter("sedge_produce_requests_total", "Produce requests received", c.produce_requests);
    counter("sedge_produce_records_total", "Records accepted", c.produced_records);
    counter("sedge_produce_bytes_total", "Bytes of record batches accepted", c.produced_bytes);
    counter("sedge_produce_duplicates_total", "Batches recognised as retries and not stored again", c.duplicates);
    counter("sedge_fetch_requests_total", "Fetch requests received", c.fetch_requests);
    counter("sedge_fetch_bytes_total", "Bytes of records sent", c.fetched_bytes);
    counter("sedge_cold_reads_total", "Reads that went to the disk", c.cold_reads);
    counter("sedge_undecodable_messages_total", "Messages dropped since no answer was possible", c.undecodable);
    for (const auto& [code, count] : c.errors)
        out.push_back({"sedge_errors_total", "Requests refused, by error", true, {{"error", std::string(to_string(code))}},
                       static_cast<double>(count)});
    counter("sedge_produce_batches_total", "Record batches stored, gathered ones included", c.produced_batches);
    counter("sedge_answers_merged_total", "Produce requests answered together with the one before", c.answers_merged);
    counter("sedge_other_requests_total", "Requests that are neither produce nor fetch", c.other_requests);
    counter("sedge_segment_rolls_total", "Journal segments begun", c.rolls);
    counter("sedge_records_expired_total", "Records that retention removed", c.records_expired);
    gauge("sedge_topics", "Topics", s.catalogue.size());
    gauge("sedge_partitions", "Partitions", s.catalogue.partitions());
    gauge("sedge_unsynced_bytes", "Bytes accepted that are not yet stored as asked", s.unsynced_bytes + s.turn.bytes);
    gauge("sedge_recent_bytes", "Bytes of recent batches kept in memory", s.recent.bytes());
    gauge("sedge_producers", "Idempotent producers remembered, over all partitions", s.known_producers);
    gauge("sedge_segment_used_bytes", "Bytes used of the open journal segment, at most", static_cast<std::size_t>(s.segment.used_bytes()));
    gauge("sedge_queued_reads", "Reads that wait for their turn at the disk", s.queued_reads.size());
    gauge("sedge_waiting_fetches", "Fetches that wait for records", s.waiters.size());
    gauge("sedge_reply_bytes", "Bytes of answers that clients have not taken yet", s.accounts.outstanding_bytes());
    gauge("sedge_disk_full", "1 while the next log segment cannot be made", s.segment.disk_full() ? 1 : 0);
    return out;
}

}  // namespace sedge::node
