// Changing who votes (DESIGN 6), in four steps that any node may take up where another left off:
//   1. the register "voters" goes from {n, old} to {n+1, old, next}, chosen by the old ones;
//   2. acceptors of both sets are fenced by n+1 and name their keys: no value is chosen by the old ones alone any more;
//   3. every key is read once under n+1, which needs majorities of both sets: so the new ones have every chosen value;
//   4. the register goes to {n+2, next}, chosen under n+1.
// Invariant: a value that was chosen under any of the three configurations is found by every later quorum of the next ones.
#include <algorithm>

#include "node/core/registers_state.h"

namespace sedge::node {

using namespace register_limits;

namespace {

RegisterValue encoded(const VoterSet& set) {
    RegisterValue value;
    encode_voter_set(set, value);
    return value;
}

}  // namespace

void Registers::State::want_voters(std::uint64_t now_ms, std::vector<AcceptorId> wanted) {
    if (voter_change || voters.number == 0) return;
    if (voters.changing()) return begin_fencing(voters);
    std::sort(wanted.begin(), wanted.end());
    const bool is_doubled = std::adjacent_find(wanted.begin(), wanted.end()) != wanted.end();
    if (wanted == voters.voters || wanted.size() % 2 == 0 || is_doubled || wanted.front() == AcceptorId{}) return;
    if (!decode_voter_set(encoded({voters.number + 1, voters.voters, wanted}))) return;
    voter_change.emplace();
    voter_change->resend_ms = UINT64_MAX;
    enqueue(now_ms, std::string(kVotersKey),
            {[number = voters.number, wanted](const RegisterValue& current) -> std::optional<RegisterValue> {
                 const auto set = decode_voter_set(current);
                 if (!set || set->number != number || set->changing()) return std::nullopt;
                 return encoded({number + 1, set->voters, wanted});
             },
             [this](const Outcome& outcome) {
                 const auto set = decode_voter_set(outcome.chosen.value);
                 voter_change.reset();
                 if (set && set->changing() && set->number == voters.number) begin_fencing(*set);
             }});
}

void Registers::State::begin_fencing(VoterSet joint) {
    voter_change.emplace();
    voter_change->phase = VoterChange::Phase::fencing;
    voter_change->joint = std::move(joint);
    voter_change->resend_ms = 0;  // sent at the next tick
}

void Registers::State::send_fences(std::uint64_t now_ms) {
    voter_change->resend_ms = now_ms + kFenceAgainMs;
    std::vector<AddressedRequest> requests;
    for (const AcceptorId each : voter_change->joint.everyone())
        if (!voter_change->fenced.contains(each)) requests.push_back({each, Fence{voter_change->joint.number}});
    send_requests(requests);
}

void Registers::State::on_fenced(std::uint64_t now_ms, AcceptorId from, const Fenced& fenced) {
    if (!voter_change || voter_change->phase != VoterChange::Phase::fencing || fenced.voter_set != voter_change->joint.number) return;
    if (!voter_change->joint.contains(from)) return;
    voter_change->fenced.insert(from);
    voter_change->to_copy.insert(fenced.keys.begin(), fenced.keys.end());
    if (!voter_change->joint.is_quorum(voter_change->fenced)) return;
    voter_change->phase = VoterChange::Phase::copying;
    voter_change->resend_ms = UINT64_MAX;
    voter_change->to_copy.erase(std::string(kVotersKey));  // the last step writes it
    copy_keys(now_ms);
}

void Registers::State::copy_keys(std::uint64_t now_ms) {
    if (!voter_change || voter_change->phase != VoterChange::Phase::copying) return;
    while (!voter_change->to_copy.empty() && voter_change->copies_under_way < kReadsUnderWay) {
        const RegisterKey key = *voter_change->to_copy.begin();
        voter_change->to_copy.erase(voter_change->to_copy.begin());
        ++voter_change->copies_under_way;
        enqueue(now_ms, key,
                {[](const RegisterValue&) { return std::nullopt; },
                 [this, number = voter_change->joint.number](const Outcome&) {
                     if (!voter_change || voter_change->joint.number != number) return;
                     --voter_change->copies_under_way;
                     voter_change->resend_ms = 0;  // goes on at the next tick
                 }});
    }
    if (voter_change->to_copy.empty() && voter_change->copies_under_way == 0) commit_voters(now_ms);
}

void Registers::State::commit_voters(std::uint64_t now_ms) {
    voter_change->phase = VoterChange::Phase::committing;
    voter_change->resend_ms = UINT64_MAX;
    enqueue(now_ms, std::string(kVotersKey),
            {[joint = voter_change->joint](const RegisterValue& current) -> std::optional<RegisterValue> {
                 const auto set = decode_voter_set(current);
                 if (!set || *set != joint) return std::nullopt;
                 return encoded({joint.number + 1, joint.next, {}});
             },
             [this](const Outcome&) { voter_change.reset(); }});
}

void Registers::State::tick_voters(std::uint64_t now_ms) {
    if (!voter_change) return;
    if (voter_change->phase != VoterChange::Phase::proposing && voters.number > voter_change->joint.number &&
        voter_change->phase != VoterChange::Phase::committing) {
        voter_change.reset();  // another node has finished it
        return;
    }
    if (now_ms < voter_change->resend_ms) return;
    if (voter_change->phase == VoterChange::Phase::fencing) send_fences(now_ms);
    if (voter_change && voter_change->phase == VoterChange::Phase::copying) {
        voter_change->resend_ms = UINT64_MAX;
        copy_keys(now_ms);
    }
}

}  // namespace sedge::node
