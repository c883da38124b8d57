// A follower and its leader: the follower asks, cuts off what is not the leader's history, stores what it is sent, and says how far.
#include <algorithm>

#include "node/core/broker_state.h"
#include "node/core/log_entries.h"

namespace sedge::node {

Offset rejoin_point(const Lineage& mine, Offset start, Offset end, const Lineage& theirs, Offset their_end) {
    Offset common = common_end(mine, end, theirs, their_end);
    if (theirs.steps().empty()) common = std::min(their_end, end);  // a log without records differs from none
    return std::clamp(common, start, end);
}

void Broker::State::ask_to_follow(Now now, Partition& partition) {
    ReplicaRole& role = *partition.role;
    if (!role.epoch_durable || !role.chosen || role.chosen->epoch != role.epoch || role.chosen->resigned) return;
    role.follower->asked_ms = now.monotonic_ms;
    role.follower->accepted = false;
    mesh.outbox[role.chosen->leader].follows.push_back(
        {partition.id, role.epoch, partition.log->id, partition.end, partition.log->lineage});
}

void Broker::State::tick_follower(Now now, Partition& partition) {
    FollowerRole& follower = *partition.role->follower;
    const bool is_silent = now.monotonic_ms >= follower.heard_ms + mesh_limits::kSilenceMs;
    const bool may_ask = now.monotonic_ms >= follower.asked_ms + mesh_limits::kAskAgainMs;
    if ((!follower.accepted || is_silent) && may_ask) ask_to_follow(now, partition);
}

void Broker::State::report_progress(Partition& partition) {
    const ReplicaRole& role = *partition.role;
    mesh.outbox[role.chosen->leader].progress.push_back(
        {partition.id, role.epoch, partition.log->id, role.follower->durable_end, partition.end, role.follower->round});
}

// --- What the leader sends ---

void Broker::State::on_chunks(Now now, const PeerEnvelope& envelope, InboundMessage& message) {
    const auto chunks = decode_chunks(envelope.payload);
    if (!chunks) {
        ++counters.undecodable;
        return;
    }
    std::size_t frame = 1;
    for (const Chunk& chunk : *chunks) {
        std::vector<SharedBytes> frames;
        for (std::uint32_t i = 0; i < chunk.frames; ++i) {
            if (frame >= message.frames()) {
                ++counters.undecodable;
                return;
            }
            frames.push_back(message.share(frame++));
        }
        on_chunk(now, envelope.from, envelope.from_nonce, chunk, std::move(frames));
    }
}

void Broker::State::on_chunk(Now now, NodeId from, std::uint64_t nonce, const Chunk& chunk, std::vector<SharedBytes> frames) {
    Partition* partition = catalogue.find(chunk.partition);
    if (partition == nullptr || partition->role == nullptr || !partition->role->follower) return;
    ReplicaRole& role = *partition->role;
    if (chunk.epoch != role.epoch || !role.epoch_durable || role.chosen->leader != from || role.chosen->leader_nonce != nonce) return;
    FollowerRole& follower = *role.follower;
    follower.heard_ms = now.monotonic_ms;
    // Once rejoined, this log is a part of the leader's for the whole epoch: a late answer to an earlier question must not cut it.
    if (chunk.lineage && follower.rejoined) follower.accepted = true;
    if (chunk.lineage && !follower.accepted && !rejoin(now, *partition, chunk)) return;
    if (!follower.accepted) return;
    const bool is_new_round = chunk.round > follower.round;
    follower.round = std::max(follower.round, chunk.round);
    Topic& topic = *catalogue.find(partition->id.topic);
    const Offset before = partition->end;
    bool is_gapless = chunk.base <= partition->end;
    for (SharedBytes& frame : frames)
        is_gapless = is_gapless && append_copy(now, topic, *partition, std::move(frame));
    if (!is_gapless || (frames.empty() && chunk.base > partition->end)) {
        ++mesh.counters.gaps;
        if (now.monotonic_ms >= follower.asked_ms + mesh_limits::kAskAgainMs) ask_to_follow(now, *partition);
        return;
    }
    follower.leader_watermark = std::max(follower.leader_watermark, chunk.high_watermark);
    follower.leader_end = chunk.end;
    follow_watermark(now, *partition);
    if (chunk.start > partition->start && chunk.start <= partition->high_watermark &&
        make_room(now, SegmentBudget::entry_bytes(0), true).ok()) {
        partition->move_start(chunk.start);
        add_entry({EntryType::log_start, partition->id, chunk.start, {}});
        turn.releases.push_back({partition->id, chunk.start});
    }
    // A heartbeat is answered, so that the leader knows that its follower is there and up to date.
    if ((partition->end == before || is_new_round) && follower.accepted) report_progress(*partition);
}

// Compares the leader's history with this log's: what is not shared is cut off before anything else is taken or said.
bool Broker::State::rejoin(Now now, Partition& partition, const Chunk& chunk) {
    ReplicaLog& log = *partition.log;
    FollowerRole& follower = *partition.role->follower;
    const bool is_empty = log.lineage.steps().empty();
    const Offset common = is_empty ? std::min(partition.end, chunk.end)
                                   : std::min(common_end(log.lineage, partition.end, *chunk.lineage, chunk.end), partition.end);
    if (common < chunk.start || common < log.stored_watermark || (is_empty && chunk.base != partition.end)) {
        // Retention went past this log's end, or what was committed here is not in the leader's history: it begins anew.
        begin_log(now, partition, chunk.start);
        return false;  // under its new id it asks again
    } else if (common < partition.end) {
        if (!make_room(now, SegmentBudget::entry_bytes(0), true).ok()) return false;
        add_entry({EntryType::truncated, partition.id, common, {}});
        turn_syncs = true;
        if (!partition.cut_off(common, known_producers)) return false;
        ++mesh.counters.truncations;
        touch(partition);  // the leader hears of it once it is durable
    }
    follower.durable_end = std::min(follower.durable_end, partition.end);
    follower.accepted = follower.rejoined = true;
    return true;
}

bool Broker::State::begin_log(Now now, Partition& partition, Offset at) {
    if (!make_room(now, SegmentBudget::entry_bytes(8), true).ok()) return false;
    const LogId id{random.next()};
    partition.begin_log(id, at, known_producers);
    add_entry({EntryType::log_made, partition.id, at, encode_number(id.value)});
    turn_syncs = true;
    turn.releases.push_back({partition.id, at});
    ++mesh.counters.logs_made;
    if (partition.role->follower) partition.role->follower->durable_end = at;
    touch(partition);
    return true;
}

// Appends the batches of one frame that this log does not have yet. False: they do not follow on its end, or there is no room.
bool Broker::State::append_copy(Now now, Topic& topic, Partition& partition, SharedBytes frame) {
    std::size_t at = 0;
    while (at < frame.size()) {
        const auto header = check_appended_batch(frame.view().subspan(at));
        if (!header.ok() || header->base_offset > partition.end || header->epoch > partition.role->epoch) return false;
        const std::size_t size = header->size_bytes;
        if (header->end_offset() <= partition.end) {  // had it already
            at += size;
            continue;
        }
        if (header->base_offset < partition.end || header->epoch < partition.last_epoch) return false;
        const std::uint64_t entry_bytes = SegmentBudget::entry_bytes(size);
        if (!make_room(now, entry_bytes, false).ok()) return false;
        turn_entry_bytes += entry_bytes;
        turn.bytes += size;
        const bool is_small = size <= BytePool::kLargestBytes;
        append_batch(topic, partition, is_small ? pool.copy(frame.view().subspan(at, size)) : frame.part(at, size), *header);
        at += size;
    }
    return true;
}

void Broker::State::follow_watermark(Now now, Partition& partition) {
    const FollowerRole& follower = *partition.role->follower;
    const Offset to = std::min(follower.leader_watermark, std::min(follower.durable_end, partition.end));
    if (to <= partition.high_watermark) return;
    partition.high_watermark = to;
    wake_waiters(now, partition);
}

}  // namespace sedge::node
