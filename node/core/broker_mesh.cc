// The node in its mesh: who is there, what is agreed, and the messages between nodes.
#include <algorithm>

#include "node/core/broker_state.h"
#include "node/core/join_message.h"
#include "node/core/member_codec.h"

namespace sedge::node {
namespace {

constexpr std::uint64_t kMembershipSeed = 0x6d656d62, kRegistersSeed = 0x72656769;

Member self_of(const BrokerOptions& options, AcceptorId acceptor) {
    NodeFacts facts{options.node_name, options.advertised_address, options.peer_address, {}, options.software, options.labels,
                    options.start_nonce, acceptor};
    return {options.node_id, options.starts << 32, MemberState::alive, std::move(facts)};
}

bool same_addresses(const std::vector<Member>& a, const std::vector<Member>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Member& x, const Member& y) {
        return x.id == y.id && x.facts.peer_address == y.facts.peer_address && x.facts.name == y.facts.name;
    });
}

}  // namespace

// --- Starting ---

bool Broker::State::restore_members(ByteView payload) {
    auto members = decode_members(payload);
    if (!members) return false;
    mesh.stored_members = std::move(*members);
    return true;
}

std::unique_ptr<Registers> Broker::State::make_registers() const {
    Registers::Options wanted;
    wanted.self = options.node_id;
    wanted.start_nonce = options.start_nonce;
    wanted.max_keys = mesh_limits::kMaxRegisterKeys;
    return std::make_unique<Registers>(std::move(wanted), options.random_seed ^ kRegistersSeed);
}

void Broker::State::start_mesh(Now now) {
    mesh.started_ms = now.monotonic_ms;
    mesh.next_join_ms = options.join_addresses.empty() ? UINT64_MAX : now.monotonic_ms;
    std::vector<Member> others = mesh.stored_members;
    others.insert(others.end(), options.known_members.begin(), options.known_members.end());
    std::erase_if(others, [this](const Member& each) { return each.id == options.node_id; });
    const bool founds = options.founds && others.empty() && !mesh.has_acceptor;
    mesh.registers->start(now.monotonic_ms, founds);
    mesh.membership = std::make_unique<Membership>(self_of(options, mesh.registers->acceptor_id()), options.membership,
                                                   options.random_seed ^ kMembershipSeed);
    for (const Member& each : others) mesh.membership->meet(now.monotonic_ms, each);
    mesh.registers->on_members(mesh.membership->members());
    mesh.members_changed = true;
    // Topics from before there was a mesh become agreed ones.
    for (const auto& [name, topic] : catalogue.topics()) {
        make_roles(*topic);
        if (!founds) continue;
        const TopicRegister value{false, topic->description};
        mesh.registers->change(
            now.monotonic_ms, topic_key(name),
            [value](const RegisterValue& current) {
                return current.empty() ? std::optional(encode_topic_register(value)) : std::nullopt;
            },
            [](const Registers::Outcome&) {});
    }
}

// --- Each turn ---

void Broker::State::tick_mesh(Now now) {
    if (now.monotonic_ms >= mesh.membership->next_tick_ms()) mesh.membership->on_tick(now.monotonic_ms);
    if (now.monotonic_ms >= mesh.registers->next_tick_ms()) mesh.registers->on_tick(now.monotonic_ms);
    if (now.monotonic_ms >= mesh.next_voters_ms) want_voters(now);
    if (now.monotonic_ms >= mesh.next_roles_ms) tick_roles(now);
    if (shutting_down) hand_over(now);
    if (now.monotonic_ms >= mesh.next_join_ms) ask_to_join(now);
    if (!mesh.forwarded.empty()) expire_forwarded(now);
}

std::uint64_t Broker::State::next_mesh_tick_ms() const {
    if (mesh.membership == nullptr) return UINT64_MAX;
    const bool alone = mesh.membership->known() <= 1;
    std::uint64_t next = std::min(mesh.registers->next_tick_ms(), mesh.next_roles_ms);
    if (alone) next = std::min(next, mesh.next_join_ms);
    if (!alone) next = std::min({next, mesh.membership->next_tick_ms(), mesh.next_voters_ms});
    for (const auto& [ticket, each] : mesh.forwarded) next = std::min(next, each.deadline_ms);
    for (const MadeTopic& each : mesh.made) next = std::min(next, each.deadline_ms);
    return next;
}

void Broker::State::pump_mesh(Now now) {
    pump_membership(now);
    // What is agreed may lead to new changes at once; each round ends with messages or entries, so this ends.
    for (int rounds = 0; rounds < 8; ++rounds) {
        for (auto& news : mesh.registers->take_news()) mesh.news.push_back(std::move(news));
        apply_news(now);
        for (auto& finish : std::exchange(mesh.finished, {})) finish(now);
        if (!mesh.made.empty()) answer_made(now);
        if (!mesh.registers->has_output() && mesh.held_output.empty()) break;
        if (!pump_registers(now)) break;
    }
    flush_outbox();
}

bool Broker::State::pump_registers(Now now) {
    Registers::Output& output = mesh.held_output;
    output.add(mesh.registers->take_output());
    if (!segment.is_open()) return false;
    std::uint64_t bytes = 0;
    for (const JournalEntry& entry : output.entries) bytes += SegmentBudget::entry_bytes(entry.payload.size());
    if (bytes > 0 && !make_room(now, bytes, true).ok()) return false;
    for (JournalEntry& entry : output.entries) {
        turn_syncs = true;
        add_entry(std::move(entry));
    }
    for (const Registers::Message& message : output.messages) {
        if (message.to == options.node_id)
            mesh.registers->on_message(now.monotonic_ms, options.node_id, message.kind, message.payload);
        else
            send_peer(message.to, message.kind, message.payload);
    }
    std::move(output.messages_when_durable.begin(), output.messages_when_durable.end(), std::back_inserter(turn.register_messages));
    output = {};
    return true;
}

void Broker::State::pump_membership(Now now) {
    for (const Membership::Change& change : mesh.membership->take_changes()) {
        mesh.members_changed = true;
        const bool is_down = change.now.state >= MemberState::dead;
        if (!is_down) continue;
        for (auto& [ticket, each] : mesh.forwarded)
            if (each.to == change.now.id) each.deadline_ms = now.monotonic_ms;
    }
    if (std::exchange(mesh.members_changed, false)) {
        mesh.registers->on_members(mesh.membership->members());
        store_members(now);
        if (mesh.replicated_partitions > 0) mesh.next_roles_ms = now.monotonic_ms;
    }
    for (const Membership::Outgoing& each : mesh.membership->take_messages()) {
        Buffer payload;
        encode_gossip(each.message, payload);
        send_peer(each.to, PeerKind::gossip, payload);
    }
}

// So that a restart finds somebody of its mesh.
void Broker::State::store_members(Now now) {
    std::vector<Member> members = mesh.membership->members();
    if (members.size() <= 1 && mesh.stored_members.empty()) return;
    if (same_addresses(members, mesh.stored_members)) return;
    SharedBytes payload = SharedBytes::take(encode_members(members));
    if (!make_room(now, SegmentBudget::entry_bytes(payload.size()), true).ok()) return;
    add_entry({EntryType::members, {}, {}, std::move(payload)});
    turn_syncs = true;
    mesh.stored_members = std::move(members);
}

// Is this memory gone for good, as far as anybody can tell? A node that only restarts keeps its vote.
bool Broker::State::is_voter_lost(Now now, AcceptorId id) {
    const auto members = mesh.membership->members();
    const auto home = std::find_if(members.begin(), members.end(), [&](const Member& each) { return each.facts.acceptor == id; });
    if (home != members.end() && home->state <= MemberState::suspect) {
        mesh.voters_missed.erase(id);
        return false;
    }
    // Its node came back without it.
    if (home != members.end() && member(std::string_view(home->facts.name))->id != home->id) return true;
    const auto since = mesh.voters_missed.emplace(id, now.monotonic_ms).first;
    return now.monotonic_ms >= since->second + options.replace_voter_ms;
}

// The living node with the lowest id sees to it that there are as many voters as there should be.
void Broker::State::want_voters(Now now) {
    mesh.next_voters_ms = now.monotonic_ms + mesh_limits::kVotersIntervalMs;
    const VoterSet& voters = mesh.registers->voters();
    if (voters.number == 0) return;
    std::vector<const Member*> living;
    const auto members = mesh.membership->members();
    for (const Member& each : members)
        if (each.state == MemberState::alive && each.facts.acceptor != AcceptorId{}) living.push_back(&each);
    if (living.empty() || living.front()->id != options.node_id) return;
    if (voters.changing()) return mesh.registers->want_voters(now.monotonic_ms, voters.next);
    const std::size_t most = voters_for(living.size(), options.voters);
    std::vector<AcceptorId> wanted = voters.voters;
    // The dead keep their votes until there is somebody for each of them: fewer voters would survive less.
    if (wanted.size() < most) {
        for (const Member* each : living)
            if (wanted.size() < most && !voters.contains(each->facts.acceptor)) wanted.push_back(each->facts.acceptor);
    } else {
        for (const Member* each : living) {
            if (voters.contains(each->facts.acceptor)) continue;
            const auto dead = std::find_if(wanted.begin(), wanted.end(), [&](AcceptorId id) { return is_voter_lost(now, id); });
            if (dead == wanted.end()) break;
            *dead = each->facts.acceptor;
            break;
        }
    }
    std::sort(wanted.begin(), wanted.end());
    if (wanted != voters.voters) mesh.registers->want_voters(now.monotonic_ms, std::move(wanted));
}

// --- Messages ---

void Broker::State::send_peer(NodeId to, const std::string& address, PeerKind kind, ByteView payload, std::vector<SharedBytes> body) {
    if (address.empty()) return;
    SendPeer send{to, address, {}, std::move(body)};
    encode_peer_envelope({kPeerVersion, options.mesh_id, options.node_id, options.start_nonce, to, kind, payload}, send.header);
    effects.peer_sends.push_back(std::move(send));
}

void Broker::State::send_peer(NodeId to, PeerKind kind, ByteView payload, std::vector<SharedBytes> body) {
    if (const Member* known = member(to)) send_peer(to, known->facts.peer_address, kind, payload, std::move(body));
}

void Broker::State::flush_outbox() {
    for (auto& [node, box] : mesh.outbox) {
        Buffer payload;
        if (!box.follows.empty()) {
            encode_follows(box.follows, payload);
            send_peer(node, PeerKind::follow, payload);
        }
        if (!box.progress.empty()) {
            payload.clear();
            encode_progress(box.progress, payload);
            send_peer(node, PeerKind::progress, payload);
        }
        if (!box.chunks.empty()) {
            payload.clear();
            encode_chunks(box.chunks, payload);
            send_peer(node, PeerKind::chunks, payload, std::move(box.frames));
        }
    }
    mesh.outbox.clear();
}

void Broker::on_peer_message(Now now, InboundMessage& message) {
    State& s = *state_;
    const auto envelope = message.frames() == 0 ? std::nullopt : decode_peer_envelope(message.bytes(0));
    if (!envelope || s.mesh.membership == nullptr) {
        ++s.counters.undecodable;
        return;
    }
    if (envelope->kind == PeerKind::join_request && envelope->mesh_id.empty()) return s.on_join(*envelope);
    if (envelope->mesh_id != s.options.mesh_id || envelope->to != s.options.node_id || envelope->from == s.options.node_id) {
        ++s.mesh.counters.refused_messages;
        return;
    }
    s.on_peer(now, *envelope, message);
}

void Broker::State::on_peer(Now now, const PeerEnvelope& envelope, InboundMessage& message) {
    switch (envelope.kind) {
        case PeerKind::gossip:
            if (const auto gossip = decode_gossip(envelope.payload))
                return mesh.membership->on_message(now.monotonic_ms, envelope.from, *gossip);
            break;
        case PeerKind::register_request:
        case PeerKind::register_reply:
        case PeerKind::register_news:
        case PeerKind::register_digest:
            if (mesh.registers->on_message(now.monotonic_ms, envelope.from, envelope.kind, envelope.payload)) return;
            break;
        case PeerKind::follow:
            if (const auto follows = decode_follows(envelope.payload)) {
                for (const Follow& each : *follows) on_follow(now, envelope.from, each);
                return;
            }
            break;
        case PeerKind::progress:
            if (const auto progress = decode_progress(envelope.payload)) {
                for (const Progress& each : *progress) on_progress(now, envelope.from, each);
                return;
            }
            break;
        case PeerKind::chunks: return on_chunks(now, envelope, message);
        case PeerKind::forward_request: return on_forward_request(now, envelope, message);
        case PeerKind::forward_reply: return on_forward_reply(now, envelope, message);
        case PeerKind::join_answer: return on_join_answer(now, envelope.payload);
        case PeerKind::join_request: return;  // only nodes without a mesh send it
    }
    ++counters.undecodable;
}

void Broker::on_peer_lost(Now now, NodeId peer) {
    if (state_->mesh.membership != nullptr) state_->mesh.membership->on_connection_lost(now.monotonic_ms, peer);
}

// A node whose mesh was joined before and that knows nobody of it: its addresses have changed, or its memory of them is lost.
void Broker::State::ask_to_join(Now now) {
    mesh.next_join_ms = now.monotonic_ms + mesh_limits::kJoinAgainMs;
    if (mesh.membership->living() > 1) return;
    Buffer payload;
    encode_join_request({mesh.membership->self()}, payload);
    for (const std::string& address : options.join_addresses) {
        SendPeer send{NodeId{}, address, {}, {}};
        encode_peer_envelope({kPeerVersion, {}, options.node_id, options.start_nonce, NodeId{}, PeerKind::join_request, payload}, send.header);
        effects.peer_sends.push_back(std::move(send));
    }
}

void Broker::State::on_join_answer(Now now, ByteView payload) {
    const auto answer = decode_join_answer(payload);
    if (!answer || answer->mesh_id != options.mesh_id) return;
    for (const Member& each : answer->members)
        if (each.id != options.node_id) mesh.membership->meet(now.monotonic_ms, each);
}

void Broker::State::on_join(const PeerEnvelope& envelope) {
    const auto request = decode_join_request(envelope.payload);
    if (!request || request->self.id != envelope.from) {
        ++counters.undecodable;
        return;
    }
    const NodeFacts& facts = request->self.facts;
    JoinAnswer answer;
    const Member* namesake = member(facts.name);
    if (namesake != nullptr && namesake->id != request->self.id && namesake->state <= MemberState::suspect)
        answer.refused = "a node named '" + facts.name + "' is alive in this mesh; give this one another --name";
    else if (mesh.membership->known() >= limits::kMaxNodes)
        answer.refused = "the mesh has " + std::to_string(limits::kMaxNodes) + " nodes, which is the most";
    if (answer.refused.empty()) {
        answer.mesh_id = options.mesh_id;
        answer.members = mesh.membership->members();
    }
    Buffer payload;
    encode_join_answer(answer, payload);
    send_peer(request->self.id, facts.peer_address, PeerKind::join_answer, payload);
}

// --- Who is who ---

const Member* Broker::State::member(std::string_view name) const {
    const Member* found = nullptr;
    for (const Member& each : mesh.membership->members()) {
        if (each.facts.name != name) continue;
        const Member* here = mesh.membership->find(each.id);
        if (found == nullptr || here->state < found->state || (here->state == found->state && here->incarnation > found->incarnation))
            found = here;
    }
    return found;
}

bool Broker::State::is_alive(NodeId id) const {
    const Member* known = member(id);
    return known != nullptr && known->state <= MemberState::suspect;
}

std::string Broker::State::name_of(NodeId id) const {
    const Member* known = member(id);
    return known == nullptr ? "" : known->facts.name;
}

}  // namespace sedge::node
