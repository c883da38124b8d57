// The front door: dispatches events, and gathers each turn's changes into journal writes.
#include "node/core/broker.h"

#include <algorithm>
#include <cassert>

#include "node/core/broker_state.h"
#include "node/core/checkpoint.h"

namespace sedge::node {

Broker::Broker(BrokerOptions options) : state_(std::make_unique<State>(std::move(options))) {}
Broker::~Broker() = default;

void Broker::start(Now now, JournalRoom room) {
    State& s = *state_;
    s.room = room;
    s.next_retention_ms = now.monotonic_ms + s.options.retention_check_interval_ms;
    s.segment_used_bytes = s.options.segment_bytes;  // the old segment takes nothing more: the first write rolls
    s.open_turn(now);
    s.close_turn();  // nothing yet on a full disk: then the first write that finds room rolls
}

void Broker::on_message(Now now, const ConnectionId& from, InboundMessage& message) {
    State& s = *state_;
    if (message.frames() == 0) return;
    const auto decoded = decode_request(message.bytes(0));
    if (const auto* error = std::get_if<RequestError>(&decoded)) {
        if (!error->correlation_id) {
            ++s.counters.undecodable;
            return;
        }
        ErrorResponse response{error->status, {}, {}, {}};
        ++s.counters.errors[error->status.code];
        if (error->status.code == ErrorCode::unsupported_version)
            response.min_version = response.max_version = limits::kProtocolVersion;
        return s.answer(from, *error->correlation_id, response);
    }
    const auto& request = std::get<Request>(decoded);
    const RequestBody& body = request.body;
    if (std::holds_alternative<ProduceRequest>(body)) return s.on_produce(now, from, request, message);
    if (std::holds_alternative<FetchRequest>(body)) return s.on_fetch(now, from, request);
    if (std::holds_alternative<ListOffsetsRequest>(body)) return s.on_list_offsets(from, request);
    if (std::holds_alternative<MetadataRequest>(body)) return s.on_metadata(from, request);
    if (std::holds_alternative<HelloRequest>(body)) return s.on_hello(from, request);
    if (std::holds_alternative<DescribeTopicRequest>(body)) return s.on_describe_topic(from, request);
    if (std::holds_alternative<ClusterInfoRequest>(body)) return s.on_cluster_info(from, request);
    if (std::holds_alternative<ClusterHealthRequest>(body)) {
        auto problems = s.problems();
        return s.answer(from, request.correlation_id, ClusterHealthResponse{problems.empty(), problems});
    }
    if (s.shutting_down)
        return s.refuse(from, request.correlation_id, {ErrorCode::shutting_down, "this node is stopping; try again soon"});
    if (std::holds_alternative<CreateTopicRequest>(body)) return s.on_create_topic(now, from, request);
    if (std::holds_alternative<AlterTopicRequest>(body)) return s.on_alter_topic(now, from, request);
    s.on_delete_topic(now, from, request);
}

void Broker::on_durable(Now now, WriteToken token) {
    State& s = *state_;
    while (!s.pending.empty() && s.pending.front().token <= token) {
        PendingWrite write = std::move(s.pending.front());
        s.pending.pop_front();
        s.unsynced_bytes -= write.bytes;
        for (const auto& [id, end] : write.ends)
            if (Partition* partition = s.catalogue.find(id)) partition->high_watermark = std::max(partition->high_watermark, end);
        s.send_answers(write);
        std::move(write.releases.begin(), write.releases.end(), std::back_inserter(s.effects.releases));
        for (const auto& [id, end] : write.ends)
            if (Partition* partition = s.catalogue.find(id)) s.wake_waiters(now, *partition);
    }
}

void Broker::on_reply_taken(const ConnectionId& from, std::size_t reply_bytes) {
    State& s = *state_;
    const auto found = s.reply_bytes.find(from);
    if (found == s.reply_bytes.end()) return;
    const std::size_t taken = std::min(found->second, reply_bytes);
    s.all_reply_bytes -= taken;
    found->second -= taken;
    if (found->second == 0) s.reply_bytes.erase(found);
}

void Broker::on_room(Now, JournalRoom room) { state_->room = room; }

void Broker::on_tick(Now now) {
    State& s = *state_;
    for (PendingFetch& fetch : s.waiters.take_expired(now.monotonic_ms, [&](PartitionId id) { return s.catalogue.find(id); }))
        s.serve(now, std::move(fetch), false);
    if (now.monotonic_ms < s.next_retention_ms) return;
    s.next_retention_ms = now.monotonic_ms + s.options.retention_check_interval_ms;
    s.apply_retention(now);
    const bool old = s.segment_has_records && now.monotonic_ms >= s.segment_opened_ms + s.options.segment_max_age_ms;
    if (old && s.room.next_segment_ready && !s.turn_open) {
        s.segment_used_bytes = s.options.segment_bytes;
        s.open_turn(now);
    }
}

void Broker::on_storage_problems(std::vector<HealthProblem> problems) { state_->storage_problems = std::move(problems); }

void Broker::begin_shutdown(Now now) {
    State& s = *state_;
    s.shutting_down = true;
    for (PendingFetch& fetch : s.waiters.take_expired(UINT64_MAX, [&](PartitionId id) { return s.catalogue.find(id); }))
        s.serve(now, std::move(fetch), false);
}

void Broker::take_effects(Now now, Effects& out) {
    State& s = *state_;
    if (s.turn_open) s.close_turn();
    s.turn_time = now;
    out = std::exchange(s.effects, {});
}

bool Broker::wants_input() const {
    const State& s = *state_;
    const bool waits_for_segment = !s.room.next_segment_ready && !s.room.disk_full &&
                                   s.segment_used_bytes + s.options.admin_reserve_bytes >= s.options.segment_bytes;
    return s.unsynced_bytes + s.turn.bytes < s.options.max_unsynced_bytes && !waits_for_segment;
}

bool Broker::is_idle() const { return state_->pending.empty() && !state_->turn_open; }

std::uint64_t Broker::next_tick_ms() const {
    return std::min(state_->next_retention_ms, state_->waiters.next_deadline_ms().value_or(UINT64_MAX));
}

std::vector<HealthProblem> Broker::health(Now) const { return state_->problems(); }

std::vector<Broker::PartitionView> Broker::partitions() const {
    std::vector<PartitionView> out;
    for (const auto& [name, topic] : state_->catalogue.topics())
        for (const auto& partition : topic->partitions)
            out.push_back({partition->id, name, partition->start, partition->end, partition->high_watermark});
    return out;
}

// --- Turns ---

void Broker::State::open_turn(Now now) {
    if (turn_open) return;
    turn_open = true;
    turn_time = now;
    turn_cost_bound = 3 * kJournalPageBytes;  // headers, the partly used last page, the tree
    if (segment_used_bytes + options.admin_reserve_bytes < options.segment_bytes || !room.next_segment_ready) return;
    turn_rolls = true;
    turn_syncs = true;
    room.next_segment_ready = false;
    segment_used_bytes = 0;
    segment_opened_ms = now.monotonic_ms;
    segment_has_records = false;
    add_entry({EntryType::checkpoint, {}, {}, SharedBytes::take(encode_checkpoint(catalogue))});
}

Status Broker::State::make_room(Now now, std::size_t payload_bytes, bool admin) {
    const std::uint64_t cost = payload_bytes + kJournalEntryHeaderBytes + kBatchHeaderBytes + kJournalPageBytes;
    const std::uint64_t limit = options.segment_bytes - (admin ? 0 : options.admin_reserve_bytes);
    open_turn(now);
    if (segment_used_bytes + turn_cost_bound + cost <= limit) return {};
    if (!room.next_segment_ready) {
        if (room.disk_full) return {ErrorCode::disk_full, "the disk of node " + options.node_name + " is full; make room or lower retention"};
        return {ErrorCode::busy, "the next log segment is being prepared; try again"};
    }
    close_turn();
    segment_used_bytes = options.segment_bytes;
    open_turn(now);
    if (turn_cost_bound + cost <= limit) return {};
    return {ErrorCode::record_too_large, "the record does not fit a log segment of this node"};
}

void Broker::State::add_entry(JournalEntry entry) {
    turn_cost_bound += entry.payload.size() + kJournalEntryHeaderBytes + 8;
    turn.bytes += entry.payload.size();
    turn_entries.push_back(std::move(entry));
}

void Broker::State::close_turn() {
    for (const auto& [topic, partition] : std::exchange(open_batches, {})) close_batch(turn_time, *topic, *partition);
    turn_open = false;
    if (turn_entries.empty()) {
        // Nothing to store: what waits can only be answers that rest on earlier writes.
        assert(turn.sends.empty() && turn.releases.empty());
        if (pending.empty())
            send_answers(turn);
        else
            std::move(turn.answers.begin(), turn.answers.end(), std::back_inserter(pending.back().answers));
        turn = {};
        return;
    }
    JournalWrite write{next_token(), turn_syncs, turn_rolls, std::move(turn_entries)};
    segment_used_bytes += journal_cost(write);
    turn.token = write.token;
    unsynced_bytes += turn.bytes;
    effects.writes.push_back(std::move(write));
    pending.push_back(std::move(turn));
    turn = {};
    turn_entries.clear();
    turn_rolls = turn_syncs = false;
}

// --- Answers ---

void Broker::State::answer(const ConnectionId& to, std::uint64_t correlation_id, const ResponseBody& body) {
    Send send{to, {}, {}, 0};
    encode_response(correlation_id, body, send.header);
    effects.sends.push_back(std::move(send));
}

void Broker::State::refuse(const ConnectionId& to, std::uint64_t correlation_id, Status status, std::optional<Offset> next_offset) {
    ++counters.errors[status.code];
    answer(to, correlation_id, ErrorResponse{std::move(status), next_offset, {}, {}});
}

void Broker::State::answer_when_durable(const ConnectionId& to, std::uint64_t correlation_id, const ResponseBody& body) {
    assert(turn_open);
    Send send{to, {}, {}, 0};
    encode_response(correlation_id, body, send.header);
    turn.sends.push_back(std::move(send));
}

void Broker::State::send_answers(PendingWrite& write) {
    for (const ProduceAnswer& each : write.answers) answer(each.to, each.correlation_id, each.response);
    std::move(write.sends.begin(), write.sends.end(), std::back_inserter(effects.sends));
}

}  // namespace sedge::node
