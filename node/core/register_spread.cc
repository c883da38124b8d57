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
    if (found == known.end() && known.size() >= options.max_keys) return false;
    known[key] = chosen;
    counter = std::max(counter, chosen.ballot.counter);
    if (!is_same_value) news.emplace_back(key, chosen);
    if (key == kVotersKey) on_voters(now_ms);
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
    voters = std::move(*next);
    chosen_voters = chosen;
    std::vector<RegisterKey> keys;
    for (const auto& [key, waiting] : running)
        if (waiting.waits_for_voters != 0 && waiting.waits_for_voters <= voters.number) keys.push_back(key);
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
        if ((!is_theirs || theirs->second < mine->second.ballot) && bytes < kNewsBytes) {
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

// After a start nobody may be there who knows what was chosen: a voter then reads what it once accepted, a few keys at a time.
void Registers::State::read_own_keys(std::uint64_t now_ms) {
    if (!voters.contains(id)) {
        read_own_ms = now_ms + kReadOwnAfterMs;
        return;
    }
    auto at = own_read_to.empty() ? acceptor.records().begin() : acceptor.records().upper_bound(own_read_to);
    for (; at != acceptor.records().end() && own_reads < kReadsUnderWay; ++at) {
        own_read_to = at->first;
        if (at->second.accepted == Ballot{} || known.contains(at->first) || running.contains(at->first)) continue;
        ++own_reads;
        enqueue(now_ms, at->first, {[](const RegisterValue&) { return std::nullopt; }, [this](const Outcome&) { --own_reads; }});
    }
    const bool is_done = at == acceptor.records().end();
    read_own_ms = is_done ? UINT64_MAX : now_ms + options.timing.backoff_ms;
}

}  // namespace sedge::node
