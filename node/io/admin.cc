#include "node/io/admin.h"

#include <nlohmann/json.hpp>

#include "node/io/metrics_text.h"
#include "node/io/process.h"

namespace sedge::node {
namespace {

HttpResponse health_answer(const Snapshot* snapshot, std::uint64_t now_ms) {
    nlohmann::json body;
    int status = 503;
    if (snapshot == nullptr) {
        body["status"] = "starting";
    } else if (now_ms - snapshot->made_at_ms > SnapshotBoard::kStuckAfterMs && now_ms > snapshot->made_at_ms) {
        body["status"] = "stuck";
        body["silent_ms"] = now_ms - snapshot->made_at_ms;
    } else if (snapshot->stopping) {
        body["status"] = "stopping";
    } else {
        status = 200;
        body["status"] = snapshot->problems.empty() ? "ok" : "degraded";
        auto problems = nlohmann::json::array();
        for (const auto& problem : snapshot->problems)
            problems.push_back({{"kind", problem.kind}, {"subject", problem.subject}, {"message", problem.message}});
        body["problems"] = std::move(problems);
    }
    // Whatever bytes a topic's name has: never an exception.
    return {status, "application/json", body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"};
}

}  // namespace

std::vector<Metric> shell_metrics(const FrontDoor::Statistics& door, const PeerDoor::Statistics& peers,
                                  const EventLoop::Statistics& loop, const Journal::Statistics& journal) {
    std::vector<Metric> out;
    const auto add = [&](const char* name, const char* help, bool counter, double value) {
        out.push_back({name, help, counter, {}, value});
    };
    const auto counter = [&](const char* name, const char* help, std::uint64_t value) { add(name, help, true, static_cast<double>(value)); };
    const auto gauge = [&](const char* name, const char* help, std::uint64_t value) { add(name, help, false, static_cast<double>(value)); };
    counter("sedge_messages_received_total", "Messages received from clients.", door.messages_received);
    counter("sedge_bytes_received_total", "Bytes of messages received from clients.", door.bytes_received);
    counter("sedge_answers_sent_total", "Answers handed to the network.", door.answers_sent);
    counter("sedge_dropped_too_many_frames_total", "Messages dropped for having too many frames.", door.dropped_too_many_frames);
    counter("sedge_dropped_unroutable_total", "Answers dropped because the client was gone.", door.dropped_unroutable);
    counter("sedge_dropped_unread_total", "Answers dropped because the client does not read.", door.dropped_unread);
    counter("sedge_connections_accepted_total", "Connections accepted.", door.connections_accepted);
    counter("sedge_handshakes_failed_total", "Connections that never became a zmq peer.", door.handshakes_failed);
    gauge("sedge_connections", "Connections open now.", door.connections);
    gauge("sedge_connections_held_off", "1 while new connections have to wait (max_connections).", door.holding_connections ? 1 : 0);
    gauge("sedge_unread_bytes", "Answers that clients have not taken yet.", door.unread_bytes);
    counter("sedge_peer_messages_received_total", "Messages received from other nodes.", peers.messages_received);
    counter("sedge_peer_bytes_received_total", "Bytes of messages received from other nodes.", peers.bytes_received);
    counter("sedge_peer_messages_sent_total", "Messages handed to the network for other nodes.", peers.messages_sent);
    counter("sedge_peer_bytes_sent_total", "Bytes of messages handed to the network for other nodes.", peers.bytes_sent);
    counter("sedge_peer_dropped_total", "Messages to or from other nodes dropped at a limit.", peers.dropped);
    counter("sedge_peer_connections_lost_total", "Connections to other nodes that broke.", peers.connections_lost);
    gauge("sedge_peer_links", "Nodes that this one has something to say to.", peers.links);
    gauge("sedge_peer_links_connected", "Those of them that it is connected to.", peers.connected);
    counter("sedge_loop_turns_total", "Turns of the event loop.", loop.turns);
    counter("sedge_loop_sleeps_total", "Turns of the event loop that ended in sleep.", loop.sleeps);
    counter("sedge_loop_inline_commits_total", "Writes committed on the event loop's thread.", loop.inline_commits);
    counter("sedge_loop_sheddings_total", "Times that memory was used up and requests were refused for it.", loop.sheddings);
    counter("sedge_journal_commits_total", "Group commits.", journal.commits);
    counter("sedge_journal_syncs_total", "Syncs of the journal.", journal.syncs);
    counter("sedge_journal_stored_bytes_total", "Bytes of entries stored.", journal.bytes_stored);
    counter("sedge_journal_written_bytes_total", "Bytes written to the journal's files, as far as it knows.", journal.bytes_written);
    add("sedge_journal_sync_seconds_total", "Time spent in syncs.", true, static_cast<double>(journal.sync_time_us) / 1e6);
    counter("sedge_journal_cold_reads_total", "Reads that went to the disk.", journal.cold_reads);
    gauge("sedge_journal_segments", "Segment files.", journal.segments);
    gauge("sedge_journal_segment_bytes", "Size of the segment files.", journal.segment_bytes);
    const auto memory = process_memory();
    gauge("process_resident_memory_bytes", "Resident memory.", memory.resident_bytes);
    gauge("sedge_process_anonymous_memory_bytes", "Resident memory that no file backs.", memory.anonymous_bytes);
    return out;
}

void SnapshotBoard::publish(Snapshot snapshot) {
    auto next = std::make_shared<const Snapshot>(std::move(snapshot));
    const std::lock_guard lock(mutex_);
    snapshot_ = std::move(next);
}

std::shared_ptr<const Snapshot> SnapshotBoard::current() const {
    const std::lock_guard lock(mutex_);
    return snapshot_;
}

HttpResponse SnapshotBoard::answer(std::string_view path, std::uint64_t now_ms) const {
    const auto snapshot = current();
    if (path == "/healthz") return health_answer(snapshot.get(), now_ms);
    if (path == "/metrics") {
        if (snapshot == nullptr) return {503, "text/plain", "starting\n"};
        return {200, "text/plain; version=0.0.4; charset=utf-8", snapshot->metrics};
    }
    return {404, "text/plain", "there are /healthz and /metrics\n"};
}

}  // namespace sedge::node
