// A leader and its followers: what they are sent, what they have, and what is committed by it (DESIGN 7).
#include <algorithm>

#include "node/core/broker_state.h"
#include "node/core/log_entries.h"
#include "node/core/placement.h"

namespace sedge::node {

// A write of this log is stored as the topic asked for.
void Broker::State::on_written(Now now, Partition& partition, const WrittenEnd& written) {
    ReplicaRole& role = *partition.role;
    if (written.epoch != role.epoch) return;  // what an earlier role wrote; the present one counts from its own first write
    role.epoch_durable = true;
    if (role.leader) {
        role.leader->replicas.on_own_durable(written.end);
        for (const auto& [from, follow] : std::exchange(role.leader->early, {})) on_follow(now, from, follow);
        advance(now, partition);
        change_isr(now, partition);
    } else if (role.follower) {
        role.follower->durable_end = std::max(role.follower->durable_end, std::min(written.end, partition.end));
        follow_watermark(now, partition);
        if (role.follower->accepted)
            report_progress(partition);
        else
            ask_to_follow(now, partition);
    }
}

// --- Followers ---

void Broker::State::on_follow(Now now, NodeId from, const Follow& follow) {
    Partition* partition = catalogue.find(follow.partition);
    if (partition == nullptr || partition->role == nullptr || !partition->role->leader) return;
    if (follow.epoch != partition->role->epoch) return;  // one of us has old news
    if (!partition->role->leads()) {
        if (auto& early = partition->role->leader->early; early.size() < limits::kMaxReplicas) early.emplace_back(from, follow);
        return;
    }
    const Topic& topic = *catalogue.find(partition->id.topic);
    if (!keeps(topic.description, partition->id.partition, name_of(from))) return;
    FollowerCursor& cursor = partition->role->leader->cursors[from];
    const bool reading = cursor.reading;
    cursor = {};
    cursor.reading = reading;  // its answer will not fit, and be dropped
    cursor.log = follow.log;
    cursor.heard_ms = now.monotonic_ms;
    close_batch(now, *partition);
    cursor.next = rejoin_point(partition->log->lineage, partition->start, partition->end, follow.lineage, follow.end);
    cursor.acknowledged = cursor.next;
    send_chunk(from, *partition, cursor, cursor.next, {}, true);
    queue_stream(*partition);
}

void Broker::State::on_progress(Now now, NodeId from, const Progress& progress) {
    Partition* partition = catalogue.find(progress.partition);
    if (partition == nullptr || partition->role == nullptr || !partition->role->leads()) return;
    ReplicaRole& role = *partition->role;
    if (progress.epoch != role.epoch || progress.end > partition->end) return;
    const auto found = role.leader->cursors.find(from);
    if (found == role.leader->cursors.end() || found->second.log != progress.log) return;
    FollowerCursor& cursor = found->second;
    cursor.heard_ms = now.monotonic_ms;
    cursor.round = std::max(cursor.round, progress.round);
    cursor.acknowledged = std::max(cursor.acknowledged, progress.end);
    while (!cursor.in_flight.empty() && cursor.in_flight.front().end <= progress.end) {
        cursor.in_flight_bytes -= cursor.in_flight.front().bytes;
        cursor.in_flight.pop_front();
    }
    role.leader->replicas.on_follower_durable(now.monotonic_ms, {from, progress.log}, progress.end);
    advance(now, *partition);
    release_refusals(*partition);
    if (cursor.next < partition->end) queue_stream(*partition);
    change_isr(now, *partition);  // last: it may forget the cursor
}

// --- The stream ---

void Broker::State::queue_stream(Partition& partition) {
    if (std::exchange(partition.role->is_queued, true)) return;
    mesh.to_stream.push_back(partition.id);
}

// Beside the turn's own write: a follower stores the records while this node does.
void Broker::State::stream() {
    for (const PartitionId& id : std::exchange(mesh.to_stream, {})) {
        Partition* partition = catalogue.find(id);
        if (partition == nullptr || partition->role == nullptr) continue;
        partition->role->is_queued = false;
        if (!partition->role->leads()) continue;
        for (auto& [node, cursor] : partition->role->leader->cursors) stream_to(node, *partition, cursor);
    }
}

void Broker::State::stream_to(NodeId node, Partition& partition, FollowerCursor& cursor) {
    while (!cursor.reading && cursor.next < partition.end && cursor.in_flight_bytes < mesh_limits::kReplicaWindowBytes) {
        Offset end;
        auto frames = RecentCache::read(partition, cursor.next, partition.end, mesh_limits::kChunkBytes, &end);
        if (!frames.empty()) {
            send_chunk(node, partition, cursor, end, std::move(frames), false);
            continue;
        }
        // Not in memory any more: from the disk, a few at a time, so that catching up does not starve live traffic.
        if (mesh.reads.size() >= mesh_limits::kMaxReplicaReads) return;
        effects.reads.emplace_back(ReadRecords{++last_read_id, partition.id, cursor.next, partition.end, mesh_limits::kChunkBytes});
        mesh.reads.emplace(last_read_id, ReplicaRead{node, partition.id, partition.role->epoch, cursor.next});
        ++mesh.counters.replica_reads;
        cursor.reading = true;
    }
}

void Broker::State::finish_replica_read(const ReplicaRead& read, ReadResult& result) {
    Partition* partition = catalogue.find(read.partition);
    if (partition == nullptr || partition->role == nullptr || !partition->role->leads() || partition->role->epoch != read.epoch) return;
    const auto found = partition->role->leader->cursors.find(read.to);
    if (found == partition->role->leader->cursors.end()) return;
    FollowerCursor& cursor = found->second;
    cursor.reading = false;
    if (cursor.next != read.from) return queue_stream(*partition);
    if (result.outcome != ReadResult::Outcome::found || result.batches.empty()) return;  // again at the next tick
    Offset end = cursor.next;
    for (const SharedBytes& frame : result.batches) {
        for (ByteView rest = frame.view(); !rest.empty();) {
            const auto header = read_batch_header(rest);
            if (!header.ok()) return;
            end = header->end_offset();
            rest = rest.subspan(header->size_bytes);
        }
    }
    send_chunk(read.to, *partition, cursor, end, std::move(result.batches), false);
    queue_stream(*partition);
}

void Broker::State::send_chunk(NodeId node, Partition& partition, FollowerCursor& cursor, Offset end, std::vector<SharedBytes> frames,
                               bool with_lineage) {
    PeerOutbox& box = mesh.outbox[node];
    const ReplicaLog& log = *partition.log;
    Chunk chunk{partition.id, partition.role->epoch, cursor.next, {}, partition.start, partition.end, partition.high_watermark, {},
                static_cast<std::uint32_t>(frames.size()), partition.role->leader->round};
    if (cursor.next > partition.start) chunk.previous_epoch = log.lineage.epoch_of(Offset{cursor.next.value - 1}).value_or(Epoch{});
    if (with_lineage) chunk.lineage = log.lineage;
    std::size_t bytes = 0;
    for (SharedBytes& frame : frames) {
        bytes += frame.size();
        box.frames.push_back(std::move(frame));
    }
    if (bytes > 0) {
        cursor.in_flight.push_back({end, bytes});
        cursor.in_flight_bytes += bytes;
        mesh.counters.replicated_bytes += bytes;
    }
    cursor.next = end;
    cursor.told_watermark = partition.high_watermark;
    box.chunks.push_back(std::move(chunk));
    box.frame_bytes += bytes;
    if (box.frame_bytes >= mesh_limits::kPeerMessageBytes || box.chunks.size() >= replica_limits::kMaxPerMessage ||
        box.frames.size() >= limits::kMaxFramesPerMessage / 2)
        flush_outbox();
}

// Idle followers hear of the watermark; what was lost on the way is sent again.
void Broker::State::tick_leader(Now now, Partition& partition) {
    ReplicaRole& role = *partition.role;
    change_isr(now, partition);
    for (auto& [node, cursor] : role.leader->cursors) {
        const bool is_stuck = !cursor.in_flight.empty() && now.monotonic_ms >= cursor.heard_ms + mesh_limits::kResendMs;
        if (is_stuck) {
            cursor.next = cursor.acknowledged;
            cursor.in_flight.clear();
            cursor.in_flight_bytes = 0;
            cursor.heard_ms = now.monotonic_ms;
        }
        if (cursor.next < partition.end && !cursor.reading) queue_stream(partition);
        const bool is_due = now.monotonic_ms / mesh_limits::kHeartbeatMs != (now.monotonic_ms - mesh_limits::kRoleTickMs) / mesh_limits::kHeartbeatMs;
        if (is_due || cursor.told_watermark < partition.high_watermark) send_chunk(node, partition, cursor, cursor.next, {}, false);
    }
}

// --- What is committed ---

void Broker::State::advance(Now now, Partition& partition) {
    const Offset to = std::min(partition.role->leader->replicas.high_watermark(), partition.end);
    if (to <= partition.high_watermark) return;
    partition.high_watermark = to;
    release_held(partition);
    wake_waiters(now, partition);
}

void Broker::State::hold_answer(Partition& partition, HeldAnswer answer) {
    auto& held = partition.role->leader->held;
    if (answer.may_merge && !held.empty()) {
        HeldAnswer& last = held.back();
        if (last.may_merge && last.to == answer.to && last.correlation_id + last.response.count == answer.correlation_id &&
            last.response.offset + last.response.count == answer.response.offset) {
            ++last.response.count;
            last.end = answer.end;
            ++counters.answers_merged;
            return;
        }
    }
    // In the order of coming: a duplicate waits for what came before it.
    if (!held.empty()) answer.end = std::max(answer.end, held.back().end);
    held.push_back(std::move(answer));
}

void Broker::State::release_held(Partition& partition) {
    LeaderRole& leader = *partition.role->leader;
    const Topic* topic = catalogue.find(partition.id.topic);
    const auto copies = topic->description.config.sync ? static_cast<std::uint32_t>(leader.replicas.chosen().isr.size()) : 0;
    for (; !leader.held.empty() && leader.held.front().end <= partition.high_watermark; leader.held.pop_front()) {
        HeldAnswer& each = leader.held.front();
        each.response.durable_copies = copies;
        answer(each.to, each.correlation_id, each.response);
    }
}

// --- Refusals that must be true ---

void Broker::State::refuse_as_leader(Partition& partition, const ConnectionId& to, std::uint64_t correlation_id, Status status,
                                     std::optional<Offset> next_offset) {
    LeaderRole& leader = *partition.role->leader;
    if (leader.refusals.size() >= mesh_limits::kMaxHeldRefusals)
        return refuse(to, correlation_id, {ErrorCode::busy, "too many requests wait for the replicas; try again"});
    leader.refusals.push_back({to, correlation_id, std::move(status), next_offset, ++leader.round});
    for (auto& [node, cursor] : leader.cursors) send_chunk(node, partition, cursor, cursor.next, {}, false);
    release_refusals(partition);
}

void Broker::State::release_refusals(Partition& partition) {
    LeaderRole& leader = *partition.role->leader;
    std::uint64_t confirmed = leader.round;
    leader.replicas.for_each_in_sync([&](const Replica& each) {
        if (each.node == options.node_id) return;
        const auto cursor = leader.cursors.find(each.node);
        confirmed = cursor == leader.cursors.end() || cursor->second.log != each.log ? 0 : std::min(confirmed, cursor->second.round);
    });
    for (; !leader.refusals.empty() && leader.refusals.front().round <= confirmed; leader.refusals.pop_front()) {
        HeldRefusal& each = leader.refusals.front();
        refuse(each.to, each.correlation_id, std::move(each.status), each.next_offset);
    }
}

void Broker::State::refuse_held(Partition& partition) {
    for (const HeldRefusal& each : std::exchange(partition.role->leader->refusals, {}))
        refuse(each.to, each.correlation_id, {ErrorCode::not_leader, node_name() + " does not lead the partition any more; try again"});

    for (const HeldAnswer& each : std::exchange(partition.role->leader->held, {})) {
        for (std::uint32_t i = 0; i < each.response.count; ++i)
            refuse(each.to, each.correlation_id + i, {ErrorCode::not_leader, node_name() + " does not lead the partition any more; try again"});
    }
}

}  // namespace sedge::node
