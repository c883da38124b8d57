// How a node finds out who is alive: probes, probes through others, suspicions and their end.
#include <algorithm>

#include "node/core/membership.h"

namespace sedge::node {

void Membership::on_tick(std::uint64_t now_ms) {
    tick_relays(now_ms);
    tick_probes(now_ms);
    tick_suspicions(now_ms);
    if (now_ms >= next_probe_ms_) {
        next_probe_ms_ = now_ms + health_.stretch(options_.probe_interval_ms);
        if (const auto target = next_probe_target()) start_probe(now_ms, *target);
        forget_tombstones(now_ms);
    }
    if (now_ms >= next_digest_ms_) {
        // A random part of the interval, so that nodes that started together do not all ask at once.
        next_digest_ms_ = now_ms + options_.digest_interval_ms / 2 + random_.below(options_.digest_interval_ms);
        // With this node's own facts: the other may have forgotten whom to answer.
        for (const NodeId other : pick_others(1, self_id_)) send(other, {Digest{fingerprint()}, {self()}});
        if (const auto other = pick_dead()) send(*other, {Digest{fingerprint()}, {self()}});
    }
}

std::uint64_t Membership::next_tick_ms() const {
    std::uint64_t next = std::min(next_probe_ms_, next_digest_ms_);
    for (const auto& [sequence, probe] : probes_) {
        const std::uint64_t patience = probe.asked_others ? options_.probe_interval_ms : options_.ping_timeout_ms;
        next = std::min(next, probe.started_ms + health_.stretch(patience));
    }
    for (const auto& [sequence, relay] : relays_) next = std::min(next, relay.nack_at_ms);
    for (const auto& [id, entry] : members_)
        if (entry.member.state == MemberState::suspect) next = std::min({next, suspicion_deadline_ms(entry), entry.remind_ms});
    return next;
}

// Everybody once a round, in a new random order each round: the time to the next probe of a node is bounded (SWIM, section 4.3).
std::optional<NodeId> Membership::next_probe_target() {
    for (int fresh_rounds = 0; fresh_rounds < 2; ++fresh_rounds) {
        while (!round_.empty()) {
            const NodeId target = round_.back();
            round_.pop_back();
            const Member* member = find(target);
            if (member != nullptr && member->state <= MemberState::suspect) return target;
        }
        for (const auto& [id, entry] : members_)
            if (id != self_id_) round_.push_back(id);
        for (std::size_t i = round_.size(); i > 1; --i)
            std::swap(round_[i - 1], round_[static_cast<std::size_t>(random_.below(i))]);
    }
    return std::nullopt;
}

void Membership::start_probe(std::uint64_t now_ms, NodeId target) {
    const bool under_way = std::any_of(probes_.begin(), probes_.end(),
                                       [target](const auto& entry) { return entry.second.target == target; });
    if (under_way) return;
    const std::uint64_t sequence = next_sequence_++;
    probes_[sequence] = Probe{target, sequence, now_ms, false, 0};
    send(target, {Ping{sequence, target}, {}});
}

void Membership::on_connection_lost(std::uint64_t now_ms, NodeId peer) {
    const Member* member = find(peer);
    if (member == nullptr || peer == self_id_ || member->state > MemberState::suspect) return;
    start_probe(now_ms, peer);
    for (auto& [sequence, probe] : probes_)
        if (probe.target == peer && !probe.asked_others) ask_others(now_ms, probe);
    suspect(now_ms, peer);
    members_.at(peer).connection_broke = true;
}

void Membership::ask_others(std::uint64_t, Probe& probe) {
    probe.asked_others = true;
    for (const NodeId other : pick_others(options_.indirect_probes, probe.target)) {
        send(other, {IndirectPing{probe.sequence, probe.target}, {}});
        ++probe.nacks_due;
    }
}

void Membership::tick_probes(std::uint64_t now_ms) {
    std::vector<NodeId> silent;
    for (auto& [sequence, probe] : probes_) {
        if (!probe.asked_others && now_ms >= probe.started_ms + health_.stretch(options_.ping_timeout_ms))
            ask_others(now_ms, probe);
        if (now_ms < probe.started_ms + health_.stretch(options_.probe_interval_ms)) continue;
        silent.push_back(probe.target);
        // Helpers that sent not even a Nack hint that the trouble is here.
        health_.worse(static_cast<std::uint32_t>(probe.nacks_due));
    }
    for (const NodeId target : silent) {
        std::erase_if(probes_, [target](const auto& entry) { return entry.second.target == target; });
        suspect(now_ms, target);
    }
}

void Membership::suspect(std::uint64_t now_ms, NodeId target) {
    Entry& entry = members_.at(target);
    if (entry.member.state == MemberState::alive) {
        Member news = entry.member;
        news.state = MemberState::suspect;
        store(now_ms, entry, news, self_id_);
    } else if (entry.member.state == MemberState::suspect) {
        learn(now_ms, Member(entry.member), self_id_);  // our own confirmation
    }
}

std::uint64_t Membership::suspicion_deadline_ms(const Entry& entry) const {
    if (entry.connection_broke) return entry.since_ms + options_.broken_connection_ms;
    const std::size_t nodes = living();
    const std::uint64_t min_ms = suspicion_min_ms(options_.probe_interval_ms, nodes, options_.suspicion_multiplier);
    const auto max_ms = static_cast<std::uint64_t>(static_cast<double>(min_ms) * options_.suspicion_max_factor);
    // The suspect, the first to suspect it: so many others could confirm at most.
    const std::size_t others = nodes > 2 ? nodes - 2 : 0;
    const auto wanted = static_cast<std::uint32_t>(std::min(others, options_.indirect_probes - 1));
    const auto confirmations = static_cast<std::uint32_t>(entry.suspected_by.empty() ? 0 : entry.suspected_by.size() - 1);
    return entry.since_ms + suspicion_timeout_ms(min_ms, max_ms, wanted, confirmations);
}

void Membership::tick_suspicions(std::uint64_t now_ms) {
    for (auto& [id, entry] : members_) {
        if (entry.member.state != MemberState::suspect) continue;
        if (now_ms < suspicion_deadline_ms(entry)) {
            // One lost message must not cost a life: the suspect is told again and again, until it refutes.
            if (now_ms < entry.remind_ms) continue;
            entry.remind_ms = now_ms + options_.ping_timeout_ms;
            send(id, {Ping{next_sequence_++, id}, {}});
            continue;
        }
        Member news = entry.member;
        news.state = MemberState::dead;
        store(now_ms, entry, news, self_id_);
    }
}

void Membership::tick_relays(std::uint64_t now_ms) {
    for (auto& [sequence, relay] : relays_) {
        if (relay.nacked || now_ms < relay.nack_at_ms) continue;
        relay.nacked = true;
        relay.nack_at_ms = now_ms + health_.stretch(options_.probe_interval_ms);  // a late Ack is still passed on
        send(relay.asker, {Nack{relay.asked_sequence}, {}});
    }
    std::erase_if(relays_, [now_ms](const auto& entry) { return entry.second.nacked && now_ms >= entry.second.nack_at_ms; });
}

void Membership::forget_tombstones(std::uint64_t now_ms) {
    std::erase_if(members_, [&](const auto& entry) {
        return entry.second.member.state >= MemberState::dead && entry.first != self_id_ &&
               now_ms >= entry.second.since_ms + options_.tombstone_ms;
    });
}

// Two halves of a mesh that called each other dead meet again only if somebody still talks to the dead.
std::optional<NodeId> Membership::pick_dead() {
    std::vector<NodeId> dead;
    for (const auto& [id, entry] : members_)
        if (entry.member.state == MemberState::dead) dead.push_back(id);
    if (dead.empty()) return std::nullopt;
    return dead[static_cast<std::size_t>(random_.below(dead.size()))];
}

std::vector<NodeId> Membership::pick_others(std::size_t count, NodeId except) {
    std::vector<NodeId> candidates;
    for (const auto& [id, entry] : members_)
        if (id != self_id_ && id != except && entry.member.state == MemberState::alive) candidates.push_back(id);
    std::vector<NodeId> picked;
    while (picked.size() < count && !candidates.empty()) {
        const auto at = static_cast<std::ptrdiff_t>(random_.below(candidates.size()));
        picked.push_back(candidates[static_cast<std::size_t>(at)]);
        candidates.erase(candidates.begin() + at);
    }
    return picked;
}

}  // namespace sedge::node
