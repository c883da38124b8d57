// The front door: takes events and hands them to the parts.
#include "node/core/broker.h"

#include <algorithm>

#include "node/core/broker_state.h"

namespace sedge::node {
namespace {

// A checkpoint must stay small beside its segment; what one producer takes of it at most.
constexpr std::uint64_t kProducerBytes = 128;

ProducerLimits producer_limits(const BrokerOptions& options) {
    const std::size_t in_segment = static_cast<std::size_t>(options.segment_bytes / 8 / kProducerBytes);
    return {std::max<std::size_t>(options.max_producers_per_partition, 1), std::min(options.max_producers, in_segment),
            options.producer_expiry_ms};
}

}  // namespace

Broker::State::State(BrokerOptions broker_options)
    : options(std::move(broker_options)),
      producer_limits(sedge::node::producer_limits(options)),
      random(options.random_seed),
      recent(catalogue, options.recent_bytes),
      accounts({options.max_reply_bytes_per_connection, options.max_reply_bytes, options.max_waiting_fetches_per_connection,
                options.max_waiting_fetches}),
      segment(options.segment_bytes, options.admin_reserve_bytes) {
    mesh.registers = make_registers();
}

Broker::Broker(BrokerOptions options) : state_(std::make_unique<State>(std::move(options))) {}
Broker::~Broker() = default;

void Broker::start(Now now, JournalRoom room) {
    State& s = *state_;
    s.next_retention_ms = now.monotonic_ms + s.options.retention_check_interval_ms;
    s.segment.on_room(room);
    // On a full disk there is nothing to write to yet: then on_room() begins the first segment.
    s.start_mesh(now);
    if (s.segment.can_roll()) s.roll(now);
}

namespace {

// A request that could not be understood; its sender is told if it can be.
ErrorResponse misunderstood(const RequestError& error) {
    ErrorResponse response{error.status, {}, {}, {}};
    if (error.status.code == ErrorCode::unsupported_version)
        response.min_version = response.max_version = limits::kProtocolVersion;
    return response;
}

}  // namespace

void Broker::on_message(Now now, const ConnectionId& from, InboundMessage& message) { state_->on_client(now, from, message); }

void Broker::State::on_client(Now now, const ConnectionId& from, InboundMessage& message) {
    State& s = *this;
    if (message.frames() == 0) {
        ++s.counters.undecodable;
        return;
    }
    const auto decoded = decode_request(message.bytes(0));
    if (const auto* error = std::get_if<RequestError>(&decoded)) {
        if (!error->correlation_id) {
            ++s.counters.undecodable;
            return;
        }
        ++s.counters.errors[error->status.code];
        return s.answer(from, *error->correlation_id, misunderstood(*error));
    }
    const auto& request = std::get<Request>(decoded);
    const RequestBody& body = request.body;
    if (s.route(now, from, request, message)) return;
    if (std::holds_alternative<ProduceRequest>(body)) return s.on_produce(now, from, request, message);
    if (!s.accounts.may_ask(from))
        return s.refuse(from, request.correlation_id, {ErrorCode::busy, "too many answers wait to be read; read them first"});
    if (std::holds_alternative<FetchRequest>(body)) return s.on_fetch(now, from, request);
    ++s.counters.other_requests;
    if (std::holds_alternative<ListOffsetsRequest>(body)) return s.on_list_offsets(from, request);
    if (std::holds_alternative<MetadataRequest>(body)) return s.on_metadata(from, request);
    if (std::holds_alternative<HelloRequest>(body)) return s.on_hello(from, request);
    if (std::holds_alternative<DescribeTopicRequest>(body)) return s.on_describe_topic(from, request);
    if (std::holds_alternative<ClusterInfoRequest>(body)) return s.on_cluster_info(from, request);
    if (std::holds_alternative<ClusterHealthRequest>(body)) return s.on_cluster_health(from, request);
    if (s.shutting_down)
        return s.refuse(from, request.correlation_id, {ErrorCode::shutting_down, s.node_name() + " is stopping; try again soon"});
    if (std::holds_alternative<CreateTopicRequest>(body)) return s.on_create_topic(now, from, request);
    if (std::holds_alternative<AlterTopicRequest>(body)) return s.on_alter_topic(now, from, request);
    s.on_delete_topic(now, from, request);
}

void Broker::on_reply_taken(const ConnectionId& from, std::size_t reply_bytes) {
    state_->accounts.on_taken(from, reply_bytes);
}

void Broker::on_room(Now now, JournalRoom room) {
    State& s = *state_;
    s.segment.on_room(room);
    if (s.segment.is_open() || !s.segment.can_roll()) return;
    s.close_turn(now);
    s.roll(now);
}

void Broker::on_storage_problems(std::vector<HealthProblem> problems) { state_->storage_problems = std::move(problems); }

void Broker::on_tick(Now now) {
    State& s = *state_;
    s.tick_mesh(now);
    for (PendingFetch& fetch : s.waiters.take_expired(now.monotonic_ms, s.catalogue)) {
        s.accounts.end_wait(fetch.from);
        s.serve(std::move(fetch), false);
    }
    if (now.monotonic_ms < s.next_retention_ms) return;
    s.next_retention_ms = now.monotonic_ms + s.options.retention_check_interval_ms;
    s.apply_retention(now);
    const bool is_old = s.segment.has_records() && s.segment.is_older_than(s.options.segment_max_age_ms, now.monotonic_ms);
    if (!is_old || !s.segment.can_roll()) return;
    s.close_turn(now);
    s.roll(now);
}

void Broker::begin_shutdown(Now now) {
    State& s = *state_;
    s.shutting_down = true;
    s.mesh.leave_by_ms = now.monotonic_ms + mesh_limits::kHandOverMs;
    s.hand_over(now);
    for (PendingFetch& fetch : s.waiters.take_expired(UINT64_MAX, s.catalogue)) {
        s.accounts.end_wait(fetch.from);
        s.serve(std::move(fetch), false);
    }
}

void Broker::take_effects(Now now, Effects& out) {
    State& s = *state_;
    s.pump_mesh(now);
    s.close_turn(now);
    if (!s.mesh.to_stream.empty()) s.stream();
    s.flush_outbox();
    out.clear();
    std::swap(out, s.effects);  // so that both keep their memory
}

bool Broker::wants_input() const {
    const State& s = *state_;
    if (s.unsynced_bytes + s.turn.bytes >= s.options.max_unsynced_bytes) return false;
    return s.segment.can_roll() || s.segment.disk_full() || !s.segment.is_low(s.turn_entry_bytes);
}

bool Broker::is_idle() const {
    const State& s = *state_;
    if (s.shutting_down && !s.mesh.has_left) return false;
    return s.pending.empty() && !s.turn_has_work() && s.reads.empty() && s.queued_reads.empty();
}

std::uint64_t Broker::next_tick_ms() const {
    return std::min({state_->next_retention_ms, state_->waiters.next_deadline_ms().value_or(UINT64_MAX), state_->next_mesh_tick_ms()});
}

std::vector<HealthProblem> Broker::health(Now) const { return state_->problems(); }

std::vector<Broker::PartitionView> Broker::partitions() const {
    std::vector<PartitionView> out;
    for (const auto& [name, topic] : state_->catalogue.topics()) {
        for (const auto& partition : topic->partitions) {
            PartitionView view{partition->id, name, partition->start, partition->end, partition->high_watermark,
                               state_->keeps_here(*topic, partition->id.partition), false, {}, 0, {}};
            if (const ReplicaRole* role = partition->role.get()) {
                view.leads = role->leads();
                view.epoch = role->epoch;
                if (role->chosen)
                    for (const Replica& each : role->chosen->isr) view.isr.emplace_back(each.node.value, each.log.value);
            }
            if (partition->log != nullptr) view.log = partition->log->id.value;
            out.push_back(std::move(view));
        }
    }
    return out;
}

}  // namespace sedge::node
