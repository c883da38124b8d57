// Turns: changes gather, become one journal write, and let their answers go once it is durable.
#include <algorithm>
#include <cassert>

#include "node/core/broker_state.h"
#include "node/core/checkpoint.h"
#include "node/core/log_entries.h"
#include "node/core/member_codec.h"

namespace sedge::node {

void PendingWrite::clear() {
    token = {};
    bytes = 0;
    clients.clear();
    answers.clear();
    ends.clear();
    sends.clear();
    releases.clear();
    register_messages.clear();
}

void PendingWrite::take_answers(PendingWrite& later) {
    const auto first = static_cast<std::uint32_t>(clients.size());
    for (ProduceAnswer& each : later.answers) each.client += first;
    std::move(later.clients.begin(), later.clients.end(), std::back_inserter(clients));
    std::move(later.answers.begin(), later.answers.end(), std::back_inserter(answers));
    std::move(later.sends.begin(), later.sends.end(), std::back_inserter(sends));
    std::move(later.register_messages.begin(), later.register_messages.end(), std::back_inserter(register_messages));
    bytes += later.bytes;
}

// --- Gathering ---

Status Broker::State::make_room(Now now, std::uint64_t entry_bytes, bool admin) {
    if (segment.fits(turn_entry_bytes + entry_bytes, false)) return {};
    if (segment.can_roll()) {
        close_turn(now);
        roll(now);
        if (segment.fits(turn_entry_bytes + entry_bytes, admin)) return {};
        return {ErrorCode::record_too_large, "this does not fit a log segment of " + node_name()};
    }
    if (admin && segment.fits(turn_entry_bytes + entry_bytes, true)) return {};
    if (segment.disk_full())
        return {ErrorCode::disk_full, "the disk of " + node_name() + " is full: free space, lower retention or delete topics"};
    return {ErrorCode::busy, node_name() + " is making its next log segment; try again"};
}

// Begins a turn whose write begins a segment. Nothing of the turn has happened yet: the checkpoint is the state right here.
void Broker::State::roll(Now now) {
    assert(!turn_has_work());
    segment.on_roll(now.monotonic_ms);
    turn_rolls = turn_syncs = true;
    ++counters.rolls;
    add_entry({EntryType::checkpoint, {}, {}, SharedBytes::take(encode_checkpoint(catalogue))});
    // What the checkpoint does not hold: the registers' memory and the members. They replace what came before.
    for (JournalEntry& entry : mesh.registers->checkpoint_entries()) add_entry(std::move(entry));
    if (!mesh.stored_members.empty()) add_entry({EntryType::members, {}, {}, SharedBytes::take(encode_members(mesh.stored_members))});
}

void Broker::State::add_entry(JournalEntry entry) {
    turn_entry_bytes += SegmentBudget::entry_bytes(entry.payload.size());
    turn_entries.push_back(std::move(entry));
}

void Broker::State::close_batches(Now now) {
    coalescer.close_all([&](Topic& topic, Partition& partition, Buffer batch) { append_gathered(now, topic, partition, std::move(batch)); });
}

void Broker::State::close_batch(Now now, Partition& partition) {
    coalescer.close(partition, [&](Topic& topic, Partition& its_partition, Buffer batch) {
        append_gathered(now, topic, its_partition, std::move(batch));
    });
}

// The gathered records become a batch at the offsets that their answers were promised.
void Broker::State::append_gathered(Now now, Topic& topic, Partition& partition, Buffer batch) {
    const std::uint32_t count = read_batch_header(batch)->count;
    stamp_batch(batch, Offset{partition.end.value - count}, now.wall_ms, append_epoch(partition));
    const auto header = read_batch_header(batch);
    const bool is_small = batch.size() <= BytePool::kLargestBytes;
    append_batch(topic, partition, is_small ? pool.copy(batch) : SharedBytes::take(std::move(batch)), *header);
}

// Its bytes were counted in turn_entry_bytes when they were accepted.
void Broker::State::append_batch(Topic& topic, Partition& partition, SharedBytes bytes, const BatchHeader& header) {
    on_append(topic, partition, header);
    recent.add(partition, header.base_offset, header.end_offset(), bytes);
    ++counters.produced_batches;
    counters.produced_records += header.count;
    counters.produced_bytes += header.size_bytes;
    segment.on_record();
    turn_syncs = turn_syncs || topic.description.config.sync;
    touch(partition).end = header.end_offset();
    turn_entries.push_back({EntryType::batch, partition.id, header.base_offset, std::move(bytes)});
    if (partition.role != nullptr) on_replicated_append(partition);
}

// Of a log that has replicas: its followers are to get it, and now and then the journal is told what is committed.
void Broker::State::on_replicated_append(Partition& partition) {
    if (partition.role->leader && !partition.role->leader->cursors.empty()) queue_stream(partition);
    ReplicaLog& log = *partition.log;
    const bool is_due = log.undo.size() >= mesh_limits::kWatermarkEveryBatches && partition.high_watermark > log.stored_watermark;
    if (!is_due || !segment.fits(turn_entry_bytes + SegmentBudget::entry_bytes(0), true)) return;
    add_entry({EntryType::watermark, partition.id, partition.high_watermark, {}});
    partition.on_watermark_stored(partition.high_watermark);
}

WrittenEnd& Broker::State::touch(Partition& partition) {
    const Epoch epoch = partition.role == nullptr ? Epoch{} : partition.role->epoch;
    const bool is_new = partition.last_turn != turn_number || turn.ends[partition.turn_slot].epoch != epoch;
    if (is_new) {
        partition.last_turn = turn_number;
        partition.turn_slot = static_cast<std::uint32_t>(turn.ends.size());
        turn.ends.push_back({partition.id, {}, epoch});
    }
    WrittenEnd& written = turn.ends[partition.turn_slot];
    written.end = partition.end;
    return written;
}

bool Broker::State::turn_has_work() const {
    return !turn_entries.empty() || !coalescer.empty() || turn.has_answers() || !turn.releases.empty();
}

void Broker::State::close_turn(Now now) {
    close_batches(now);
    if (turn_entries.empty()) {
        // Nothing to store: what waits are answers that rest on earlier writes.
        assert(turn.ends.empty() && turn.releases.empty());
        if (!turn.has_answers()) return;
        if (pending.empty()) {
            send_answers(now, turn);
        } else {
            unsynced_bytes += turn.bytes;
            pending.back().take_answers(turn);
        }
        turn.clear();
        return;
    }
    JournalWrite write{WriteToken{++last_token}, turn_syncs, turn_rolls, std::move(turn_entries)};
    segment.on_write(write);
    turn.token = write.token;
    unsynced_bytes += turn.bytes;
    effects.writes.push_back(std::move(write));
    pending.push_back(std::move(turn));
    turn = {};
    if (!spare_pending.empty()) {
        turn = std::move(spare_pending.back());
        spare_pending.pop_back();
    }
    turn_entries = {};
    turn_entry_bytes = 0;
    turn_rolls = turn_syncs = false;
    ++turn_number;
}

// --- Durable ---

void Broker::on_durable(Now now, WriteToken token) {
    State& s = *state_;
    while (!s.pending.empty() && s.pending.front().token <= token) {
        PendingWrite write = std::move(s.pending.front());
        s.pending.pop_front();
        s.complete(now, write);
        constexpr std::size_t kSpares = 4;
        if (s.spare_pending.size() == kSpares) continue;
        write.clear();
        s.spare_pending.push_back(std::move(write));
    }
}

void Broker::State::complete(Now now, PendingWrite& write) {
    unsynced_bytes -= write.bytes;
    for (const WrittenEnd& written : write.ends) {
        Partition* partition = catalogue.find(written.partition);
        if (partition == nullptr) continue;
        if (partition->role != nullptr)
            on_written(now, *partition, written);
        else
            partition->high_watermark = std::max(partition->high_watermark, written.end);
    }
    send_answers(now, write);
    std::move(write.releases.begin(), write.releases.end(), std::back_inserter(effects.releases));
    for (const WrittenEnd& written : write.ends)
        if (Partition* partition = catalogue.find(written.partition)) wake_waiters(now, *partition);
}

// --- Answers ---

void Broker::State::deliver(Send send) {
    if (is_forwarded(send.to)) {
        const auto [node, ticket] = forwarded_from(send.to);
        send.body.insert(send.body.begin(), SharedBytes::take(std::move(send.header)));
        if (ticket != 0) send_peer(node, PeerKind::forward_reply, encode_number(ticket).view(), std::move(send.body));
        return;
    }
    send.reply_bytes = send.header.size();
    for (const SharedBytes& each : send.body) send.reply_bytes += each.size();
    accounts.on_sent(send.to, send.reply_bytes);
    effects.sends.push_back(std::move(send));
}

void Broker::State::answer(const ConnectionId& to, std::uint64_t correlation_id, const ResponseBody& body) {
    Send send{to, {}, {}, 0};
    encode_response(correlation_id, body, send.header);
    if (send.header.size() > limits::kMaxFrameBytes)
        return refuse(to, correlation_id, {ErrorCode::record_too_large, "the answer does not fit a frame; ask for less at once"});
    deliver(std::move(send));
}

void Broker::State::refuse(const ConnectionId& to, std::uint64_t correlation_id, Status status, std::optional<Offset> next_offset) {
    ++counters.errors[status.code];
    answer(to, correlation_id, ErrorResponse{std::move(status), next_offset, {}, {}});
}

void Broker::State::answer_when_durable(const ConnectionId& to, std::uint64_t correlation_id, const ResponseBody& body) {
    Send send{to, {}, {}, 0};
    encode_response(correlation_id, body, send.header);
    turn.sends.push_back(std::move(send));
}

void Broker::State::send_answers(Now now, PendingWrite& write) {
    for (const ProduceAnswer& each : write.answers) answer(write.clients[each.client], each.correlation_id, each.response);
    for (Send& each : write.sends) deliver(std::move(each));
    for (const Registers::Message& each : write.register_messages) {
        if (each.to == options.node_id)
            mesh.registers->on_message(now.monotonic_ms, options.node_id, each.kind, each.payload);
        else
            send_peer(each.to, each.kind, each.payload);
    }
}

}  // namespace sedge::node
