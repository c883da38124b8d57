// Requests that another node can answer: sent on to it, and its answer back, so that a client may talk to any one node.
#include <cstring>

#include "node/core/broker_state.h"
#include "node/core/log_entries.h"
#include "node/core/placement.h"

namespace sedge::node {
namespace {

// The connection of a forwarded request: zmq gives clients no id that begins with a zero and is this long.
constexpr std::size_t kForwardedIdBytes = 1 + 2 * sizeof(std::uint64_t);

ConnectionId forwarded_id(NodeId node, std::uint64_t ticket) {
    std::string id(kForwardedIdBytes, '\0');
    std::memcpy(id.data() + 1, &node.value, sizeof node.value);
    std::memcpy(id.data() + 1 + sizeof node.value, &ticket, sizeof ticket);
    return {std::move(id)};
}

}  // namespace

bool is_forwarded(const ConnectionId& id) { return id.value.size() == kForwardedIdBytes && id.value[0] == '\0'; }

std::pair<NodeId, std::uint64_t> forwarded_from(const ConnectionId& id) {
    std::pair<NodeId, std::uint64_t> out;
    std::memcpy(&out.first.value, id.value.data() + 1, sizeof out.first.value);
    std::memcpy(&out.second, id.value.data() + 1 + sizeof out.first.value, sizeof out.second);
    return out;
}

// --- Where a partition is served ---

bool Broker::State::leads_here(const Topic& topic, PartitionIndex index) const {
    if (topic.description.replicas < 2) return keeps_here(topic, index);
    const Partition& partition = *topic.partitions[index.value];
    return partition.role != nullptr && partition.role->leads();
}

std::optional<NodeId> Broker::State::leader_of(const Topic& topic, PartitionIndex index) const {
    if (topic.description.replicas < 2) {
        if (keeps_here(topic, index)) return options.node_id;
        const auto names = replicas_of(topic.description, index);
        const Member* host = names.empty() ? nullptr : member(names.front());
        return host == nullptr ? std::nullopt : std::optional(host->id);
    }
    const auto known = chosen_register(topic.partitions[index.value]->id);
    if (!known || known->resigned) return std::nullopt;
    return known->leader;
}

std::optional<PartitionRegister> Broker::State::chosen_register(const PartitionId& id) const {
    const Topic* topic = catalogue.find(id.topic);
    if (topic != nullptr && topic->partitions[id.partition.value]->role != nullptr) return topic->partitions[id.partition.value]->role->chosen;
    const ChosenValue* known = mesh.registers->known(partition_key(id));
    return known == nullptr || known->value.empty() ? std::nullopt : decode_partition_register(known->value);
}

bool Broker::State::route(Now now, const ConnectionId& from, const Request& request, InboundMessage& message) {
    std::string_view name;
    std::optional<PartitionIndex> index;
    std::uint64_t wait_ms = 0;
    bool wants_answer = true;
    const auto* produce = std::get_if<ProduceRequest>(&request.body);
    if (produce != nullptr) {
        name = produce->topic;
        wants_answer = produce->acks != Acks::none;
    } else if (const auto* fetch = std::get_if<FetchRequest>(&request.body)) {
        name = fetch->topic;
        index = fetch->partition;
        wait_ms = std::min(fetch->max_wait_ms, limits::kMaxFetchWaitMs);
    } else if (const auto* list = std::get_if<ListOffsetsRequest>(&request.body)) {
        name = list->topic;
        index = list->partition;
    } else {
        return false;
    }
    const Topic* topic = catalogue.find(name);
    if (topic == nullptr || topic->is_local) return false;
    if (produce != nullptr) index = choose_partition(*produce, *topic);
    if (index->value >= topic->partitions.size() || leads_here(*topic, *index)) return false;

    const auto refused = [&](Status status) {
        if (wants_answer) refuse(from, request.correlation_id, std::move(status));
        return true;
    };
    const auto leader = leader_of(*topic, *index);
    const std::string what = "partition " + std::to_string(index->value) + " of topic '" + std::string(name) + "'";
    if (!leader || *leader == options.node_id || !is_alive(*leader))
        return refused({ErrorCode::not_leader, what + " has no leader at the moment; try again"});
    if (is_forwarded(from)) return refused({ErrorCode::not_leader, node_name() + " does not lead " + what + "; ask again"});
    if (mesh.forwarded.size() >= mesh_limits::kMaxForwarded)
        return refused({ErrorCode::busy, "too many requests wait for other nodes; try again"});

    std::uint64_t ticket = 0;
    if (wants_answer) {
        ticket = ++mesh.last_ticket;
        mesh.forwarded.emplace(ticket, ForwardedRequest{from, request.correlation_id, *leader,
                                                        now.monotonic_ms + wait_ms + mesh_limits::kForwardPatienceMs});
    }
    std::vector<SharedBytes> frames;
    for (std::size_t i = 0; i < message.frames(); ++i) frames.push_back(message.share(i));
    send_peer(*leader, PeerKind::forward_request, encode_number(ticket).view(), std::move(frames));
    ++mesh.counters.forwarded;
    return true;
}

// --- At the node that answers ---

namespace {

// The client's frames, behind the envelope.
class ForwardedMessage : public InboundMessage {
  public:
    explicit ForwardedMessage(InboundMessage& outer) : outer_(outer) {}
    std::size_t frames() const override { return outer_.frames() - 1; }
    MutableBytes bytes(std::size_t frame) override { return outer_.bytes(frame + 1); }
    SharedBytes share(std::size_t frame) override { return outer_.share(frame + 1); }

  private:
    InboundMessage& outer_;
};

}  // namespace

void Broker::State::on_forward_request(Now now, const PeerEnvelope& envelope, InboundMessage& message) {
    const auto ticket = decode_number(envelope.payload);
    if (!ticket || message.frames() < 2) {
        ++counters.undecodable;
        return;
    }
    ForwardedMessage inner(message);
    on_client(now, forwarded_id(envelope.from, *ticket), inner);
}

// --- Back at the node that the client talks to ---

void Broker::State::on_forward_reply(Now, const PeerEnvelope& envelope, InboundMessage& message) {
    const auto ticket = decode_number(envelope.payload);
    const auto found = ticket ? mesh.forwarded.find(*ticket) : mesh.forwarded.end();
    if (found == mesh.forwarded.end() || found->second.to != envelope.from || message.frames() < 2) return;
    const ConnectionId client = found->second.from;
    mesh.forwarded.erase(found);
    const MutableBytes header = message.bytes(1);
    Send send{client, Buffer(header.begin(), header.end()), {}, 0};
    for (std::size_t i = 2; i < message.frames(); ++i) send.body.push_back(message.share(i));
    deliver(std::move(send));
}

void Broker::State::expire_forwarded(Now now) {
    for (auto at = mesh.forwarded.begin(); at != mesh.forwarded.end();) {
        if (at->second.deadline_ms > now.monotonic_ms) {
            ++at;
            continue;
        }
        const ForwardedRequest lost = std::move(at->second);
        at = mesh.forwarded.erase(at);
        if (is_alive(lost.to))
            refuse(lost.from, lost.correlation_id, {ErrorCode::timed_out, "node '" + name_of(lost.to) + "' did not answer in time"});
        else
            refuse(lost.from, lost.correlation_id, {ErrorCode::not_leader, "node '" + name_of(lost.to) + "' died; try again"});
    }
}

}  // namespace sedge::node
