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
    add_mesh_metrics(out);
    return out;
}

void Broker::add_mesh_metrics(std::vector<Metric>& out) const {
    const State& s = *state_;
    if (s.mesh.membership == nullptr) return;
    const MeshCounters& c = s.mesh.counters;
    const auto counter = [&](const char* name, const char* help, std::uint64_t value) {
        out.push_back({name, help, true, {}, static_cast<double>(value)});
    };
    counter("sedge_elections_total", "Times this node tried to take over a partition", c.elections);
    counter("sedge_handovers_total", "Partitions that this node gave back to their preferred leaders", c.handovers);
    counter("sedge_isr_shrinks_total", "Replicas that this node put out of an ISR", c.isr_shrinks);
    counter("sedge_isr_grows_total", "Replicas that this node took into an ISR", c.isr_grows);
    counter("sedge_truncations_total", "Times that a tail of a log was cut off here", c.truncations);
    counter("sedge_logs_made_total", "Logs that this node began anew", c.logs_made);
    counter("sedge_replica_gaps_total", "Times that a follower here missed something and asked again", c.gaps);
    counter("sedge_peer_messages_refused_total", "Messages of another mesh, or for another node", c.refused_messages);
    counter("sedge_forwarded_total", "Requests sent on to another node", c.forwarded);
    counter("sedge_replica_reads_total", "Reads from the disk for followers", c.replica_reads);
    counter("sedge_replicated_bytes_total", "Bytes of records sent to followers", c.replicated_bytes);
    out.push_back({"sedge_register_changes", "Changes of registers under way", false, {}, static_cast<double>(s.mesh.registers->changes())});
    out.push_back({"sedge_voter_set", "Number of the configuration of voters", false, {}, static_cast<double>(s.mesh.registers->voters().number)});
    for (const Member& each : s.mesh.membership->members())
        out.push_back({"sedge_peer_alive", "1 if this node thinks that the peer is alive", false, {{"node", each.facts.name}},
                       each.state <= MemberState::suspect ? 1.0 : 0.0});
    for (const auto& [name, topic] : s.catalogue.topics())
        for (const auto& partition : topic->partitions)
            if (partition->role != nullptr) s.add_replica_metrics(*topic, *partition, out);
}

void Broker::State::add_replica_metrics(const Topic& topic, const Partition& partition, std::vector<Metric>& out) const {
    const ReplicaRole& role = *partition.role;
    const std::vector<std::pair<std::string, std::string>> labels{{"topic", topic.description.name},
                                                                  {"partition", std::to_string(partition.id.partition.value)}};
    const auto gauge = [&](const char* name, const char* help, double value) { out.push_back({name, help, false, labels, value}); };
    gauge("sedge_partition_epoch", "Epoch that this node acts in", role.epoch.value);
    gauge("sedge_partition_leads", "1 if this node leads the partition", role.leads() ? 1 : 0);
    gauge("sedge_partition_in_sync", "Replicas in sync, as this node knows", role.chosen ? static_cast<double>(role.chosen->isr.size()) : 0);
    gauge("sedge_partition_uncommitted_records", "Records above the high watermark",
          static_cast<double>(partition.end - std::min(partition.end, partition.high_watermark)));
}

}  // namespace sedge::node
