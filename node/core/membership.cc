// What a node learns and tells. Probing is in membership_probe.cc.
#include "node/core/membership.h"

#include <algorithm>

#include "schema/crc32c.h"

namespace sedge::node {

Membership::Membership(Member self, MembershipOptions options, std::uint64_t seed)
    : self_id_(self.id), options_(options), random_(seed) {
    self.state = MemberState::alive;
    members_[self_id_].member = self;
    rumours_.add(self);
}

void Membership::meet(std::uint64_t now_ms, const Member& other) {
    if (other.id == self_id_) return;
    learn(now_ms, other, other.id);
    send_everything(other.id, true);
}

void Membership::on_message(std::uint64_t now_ms, NodeId from, const GossipMessage& message) {
    for (const Member& rumour : message.rumours) learn(now_ms, rumour, from);
    if (const auto* ping = std::get_if<Ping>(&message.body)) {
        if (ping->target == self_id_) send(from, {Ack{ping->sequence}, {}});
    } else if (const auto* indirect = std::get_if<IndirectPing>(&message.body)) {
        if (find(indirect->target) == nullptr || relays_.size() >= gossip_limits::kMaxMembers) return;
        const std::uint64_t sequence = next_sequence_++;
        relays_[sequence] = Relay{from, indirect->sequence, now_ms + health_.stretch(options_.ping_timeout_ms), false};
        send(indirect->target, {Ping{sequence, indirect->target}, {}});
    } else if (const auto* ack = std::get_if<Ack>(&message.body)) {
        if (const auto relay = relays_.find(ack->sequence); relay != relays_.end()) {
            send(relay->second.asker, {Ack{relay->second.asked_sequence}, {}});
            relays_.erase(relay);
        } else if (probes_.erase(ack->sequence) > 0) {
            health_.better();
        }
    } else if (const auto* nack = std::get_if<Nack>(&message.body)) {
        const auto probe = probes_.find(nack->sequence);
        if (probe != probes_.end() && probe->second.nacks_due > 0) --probe->second.nacks_due;
    } else if (const auto* digest = std::get_if<Digest>(&message.body)) {
        if (digest->fingerprint != fingerprint()) send_everything(from, true);
    } else if (std::get<FullState>(message.body).answer_wanted) {
        send_everything(from, false);
    }
}

void Membership::learn(std::uint64_t now_ms, const Member& news, NodeId teller) {
    if (news.id == self_id_) return refute(news, teller);
    const auto found = members_.find(news.id);
    if (found == members_.end()) {
        if (members_.size() >= gossip_limits::kMaxMembers) return;
        Entry& entry = members_[news.id];
        entry.member = news;
        entry.since_ms = now_ms;
        if (news.state == MemberState::suspect) entry.suspected_by.push_back(teller);
        rumours_.add(news);
        changes_.push_back({news, std::nullopt});
        return;
    }
    Entry& entry = found->second;
    if (supersedes(news, entry.member)) {
        store(now_ms, entry, news, teller);
    } else if (news.state == MemberState::suspect && news == entry.member) {
        // Another node's own suspicion: it shortens ours, and is worth telling again (Lifeguard, section IV-B).
        auto& by = entry.suspected_by;
        if (by.size() < options_.indirect_probes && std::find(by.begin(), by.end(), teller) == by.end()) {
            by.push_back(teller);
            rumours_.add(news);
        }
    }
}

void Membership::store(std::uint64_t now_ms, Entry& entry, const Member& news, NodeId teller) {
    const MemberState before = entry.member.state;
    const bool visible = before != news.state || entry.member.facts != news.facts;
    entry.member = news;
    entry.since_ms = now_ms;
    entry.connection_broke = false;
    entry.suspected_by.clear();
    if (news.state == MemberState::suspect) entry.suspected_by.push_back(teller);
    rumours_.add(news);
    if (visible) changes_.push_back({news, before});
}

void Membership::refute(const Member& claim, NodeId teller) {
    Member& self = members_.at(self_id_).member;
    const bool about_this_life = claim.incarnation >= self.incarnation;
    // Refuted long ago, but the teller has not heard of it, and other news may have taken its place on our messages.
    if (!about_this_life && claim.state != MemberState::alive) send(teller, {Ack{0}, {self}});
    if (!about_this_life || claim == self || self.state == MemberState::left) return;
    if (claim.state != MemberState::alive) health_.worse();
    self.incarnation = claim.incarnation + 1;
    rumours_.add(self);
    // Time runs: who suspects, and some others, hear of it at once.
    std::vector<NodeId> told = pick_others(options_.indirect_probes, teller);
    told.push_back(teller);
    for (const NodeId each : told) send(each, {Ack{0}, {self}});
}

void Membership::update_facts(NodeFacts facts) {
    Member& self = members_.at(self_id_).member;
    self.facts = std::move(facts);
    ++self.incarnation;
    rumours_.add(self);
}

void Membership::leave(std::uint64_t) {
    Member& self = members_.at(self_id_).member;
    self.state = MemberState::left;
    rumours_.add(self);
    for (const auto& [id, entry] : members_)
        if (id != self_id_ && entry.member.state <= MemberState::suspect) send(id, {FullState{false}, {self}});
}

void Membership::send(NodeId to, GossipMessage message) {
    const std::uint32_t limit = Rumours::limit(living(), options_.retell_multiplier);
    const auto target = members_.find(to);
    // The suspected must hear of it from us, or they cannot refute (Lifeguard's buddy system).
    if (target != members_.end() && target->second.member.state != MemberState::alive)
        message.rumours.push_back(target->second.member);
    for (Member& rumour : rumours_.take(options_.rumours_per_message, limit))
        if (rumour.id != to) message.rumours.push_back(std::move(rumour));
    outgoing_.push_back({to, std::move(message)});
}

void Membership::send_everything(NodeId to, bool answer_wanted) {
    GossipMessage message{FullState{answer_wanted}, {}};
    for (const auto& [id, entry] : members_) message.rumours.push_back(entry.member);
    outgoing_.push_back({to, std::move(message)});
}

std::vector<Membership::Outgoing> Membership::take_messages() { return std::exchange(outgoing_, {}); }

std::vector<Membership::Change> Membership::take_changes() { return std::exchange(changes_, {}); }

const Member* Membership::find(NodeId id) const {
    const auto found = members_.find(id);
    return found == members_.end() ? nullptr : &found->second.member;
}

std::vector<Member> Membership::members() const {
    std::vector<Member> out;
    for (const auto& [id, entry] : members_) out.push_back(entry.member);
    return out;
}

std::size_t Membership::living() const {
    return static_cast<std::size_t>(std::count_if(members_.begin(), members_.end(), [](const auto& entry) {
        return entry.second.member.state <= MemberState::suspect;
    }));
}

std::uint64_t Membership::fingerprint() const {
    // The sum does not depend on the order, and each term covers what supersedes() looks at.
    std::uint64_t sum = 0;
    for (const auto& [id, entry] : members_) {
        const std::uint64_t words[] = {id.value, entry.member.incarnation,
                                       static_cast<std::uint64_t>(entry.member.state)};
        const ByteView bytes = std::as_bytes(std::span(words));
        sum += (std::uint64_t{crc32c(bytes)} << 32) | crc32c(bytes, 1);
    }
    return sum;
}

}  // namespace sedge::node
