// What is known to be chosen, and telling it: news at once, then digests with one random node at a time, so that whatever was lost on
// the way comes all the same (DESIGN 5).
#include <algorithm>

#include "node/core/registers_state.h"

namespace sedge::node {

using namespace register_limits;

bool Registers::State::learn(std::uint64_t now_ms, const RegisterKey& key, const ChosenValue& chosen, bool tell) {
    const auto found = known.find(key);
    const bool is_newer = found == known.end() || found->second.ballot < chosen.ballot;
    if (!is_newer) return false;
    const bool is_same_value = found != known.end() && found->second.value == chosen.value;
    if (found == known.end() && known.size() >= options.max_keys && key != kVotersKey) return false;
    known[key] = chosen;
    counter = std::max(counter, chosen.ballot.counter);
    if (!is_same_value) news.emplace_back(key, chosen);
    if (key == kVotersKey) on_voters(now_ms);
    const auto own = acceptor.records().find(key);
    if (own != acceptor.records().end() && !is_doubtful(own->second)) trust(key);
    // A read that chose the same value again is no news to anybody.
    if (tell && !is_same_value)
        for (const NodeId other : others) send_news(other, {{key, chosen}});
    return true;
}

void Registers::State::on_voters(std::uint64_t now_ms) {
    const ChosenValue& chosen = known.find(kVotersKey)->second;
    auto next = decode_voter_set(chosen.value);
    if (!next || next->number < voters.number) return;
    const bool is_first = voters.number == 0;
    const bool is_newer = next->number > voters.number;
    voters = std::move(*next);
    chosen_voters = chosen;
    if (!is_newer) return;
    // So that a restart finds those who vote, whoever else has gone by then.
    store_fence();
    // What runs under an older configuration begins again: its voters may all be gone.
    std::vector<RegisterKey> keys;
    for (const auto& [key, each] : running)
        if (each.voters < voters.number) keys.push_back(key);
    for (const RegisterKey& key : keys) restart(now_ms, running.find(key)->second);
    if (!is_first) return;
    keys.clear();
    for (const auto& [key, jobs] : queued) keys.push_back(key);
    for (const RegisterKey& key : keys) start_next(now_ms, key);
}

void Registers::State::send_news(NodeId to, const RegisterNews& list) {
    if (list.empty()) return;
    Buffer payload;
    encode_register_news(list, payload);
    send(to, PeerKind::register_news, std::move(payload));
}

void Registers::State::send_digest(NodeId to, const RegisterKey& first, const RegisterKey& last, bool wants_answer) {
    RegisterDigest digest{first, last, wants_answer, {}};
    for (auto at = known.lower_bound(first); at != known.end(); ++at) {
        if (!last.empty() && at->first > last) break;
        if (digest.known.size() == kDigestKeys) {
            digest.last = digest.known.back().first;
            break;
        }
        digest.known.emplace_back(at->first, at->second.ballot);
    }
    Buffer payload;
    encode_register_digest(digest, payload);
    send(to, PeerKind::register_digest, std::move(payload));
}

void Registers::State::on_digest(std::uint64_t, NodeId from, const RegisterDigest& digest) {
    RegisterNews list;
    std::size_t bytes = 0;
    bool lacks = false;
    auto theirs = digest.known.begin();
    for (auto mine = known.lower_bound(digest.first); mine != known.end(); ++mine) {
        if (!digest.last.empty() && mine->first > digest.last) break;
        for (; theirs != digest.known.end() && theirs->first < mine->first; ++theirs) lacks = true;
        const bool is_theirs = theirs != digest.known.end() && theirs->first == mine->first;
        if (is_theirs && theirs->second > mine->second.ballot) lacks = true;
        if ((!is_theirs || theirs->second < mine->second.ballot) && bytes < kNewsBytes && list.size() < kNewsKeys) {
            bytes += mine->first.size() + mine->second.value.size();
            list.emplace_back(mine->first, mine->second);
        }
        if (is_theirs) ++theirs;
    }
    lacks = lacks || theirs != digest.known.end();
    send_news(from, list);
    if (lacks && digest.wants_answer) send_digest(from, digest.first, digest.last, false);
}

void Registers::State::tick_digest(std::uint64_t now_ms) {
    next_digest_ms = now_ms + options.digest_interval_ms;
    if (others.empty()) return;
    const NodeId to = others[random.below(others.size())];
    const auto begin = known.lower_bound(digest_from);
    const auto page = std::min<std::size_t>(kDigestKeys, static_cast<std::size_t>(std::distance(begin, known.end())));
    const auto end = std::next(begin, static_cast<std::ptrdiff_t>(page));
    send_digest(to, digest_from, end == known.end() ? RegisterKey() : std::prev(end)->first, true);
    digest_from = end == known.end() ? RegisterKey() : end->first;
}

// --- Values that may have been chosen, and nobody said so ---

// After a start nobody may be there who knows what was chosen, and who chose a value may be gone before it told anybody. So a voter reads
// what it accepted, a while later, if it has not heard of it by then.
bool Registers::State::is_doubtful(const AcceptorRecord& record) const {
    if (record.value.empty()) return false;
    const auto found = known.find(record.key);
    // The same value again is most often a read's.
    return found == known.end() || (found->second.ballot < record.accepted && found->second.value != record.value);
}

void Registers::State::doubt(const RegisterKey& key, std::uint64_t due_ms) {
    trust(key);
    doubts.emplace(key, due_ms);
    doubts_due.emplace(due_ms, key);
}

void Registers::State::trust(const RegisterKey& key) {
    const auto found = doubts.find(key);
    if (found == doubts.end()) return;
    doubts_due.erase({found->second, key});
    doubts.erase(found);
}

void Registers::State::read_doubtful(std::uint64_t now_ms) {
    while (!doubts_due.empty() && doubts_due.begin()->first <= now_ms && doubts_under_way < kReadsUnderWay) {
        const RegisterKey key = doubts_due.begin()->second;
        trust(key);
        const auto record = acceptor.records().find(key);
        if (!voters.contains(id) || record == acceptor.records().end() || !is_doubtful(record->second)) continue;
        ++doubts_under_way;
        enqueue(now_ms, key, {[](const RegisterValue&) { return std::nullopt; }, [this](const Outcome&) { --doubts_under_way; }});
    }
}

}  // namespace sedge::node
