#include "node/core/register_proposer.h"

#include <algorithm>

namespace sedge::node {

RegisterProposer::RegisterProposer(RegisterKey key, VoterSet voters, Ballot first, Change change, Timing timing,
                                   Random& random)
    : key_(std::move(key)),
      voters_(std::move(voters)),
      change_(std::move(change)),
      timing_(timing),
      random_(random),
      ballot_(first),
      highest_counter_(first.counter),
      backoff_ms_(timing.backoff_ms) {}

void RegisterProposer::start(std::uint64_t now_ms, std::vector<AddressedRequest>& out) { begin_attempt(now_ms, out); }

void RegisterProposer::begin_attempt(std::uint64_t now_ms, std::vector<AddressedRequest>& out) {
    phase_ = Phase::preparing;
    ballot_.counter = ++highest_counter_;
    votes_.clear();
    newest_accepted_ = {};
    value_.clear();
    changed_ = false;
    deadline_ms_ = now_ms + timing_.answer_timeout_ms;
    for (const AcceptorId voter : voters_.everyone()) out.push_back({voter, Prepare{key_, ballot_, voters_.number}});
}

void RegisterProposer::give_up_attempt(std::uint64_t now_ms) {
    phase_ = Phase::waiting;
    deadline_ms_ = now_ms + 1 + random_.below(backoff_ms_);
    backoff_ms_ = std::min(backoff_ms_ * 2, timing_.max_backoff_ms);
}

void RegisterProposer::on_promised(std::uint64_t now_ms, AcceptorId from, const Promised& promised,
                                   std::vector<AddressedRequest>& out) {
    if (promised.accepted_ballot > newest_accepted_) {
        newest_accepted_ = promised.accepted_ballot;
        value_ = promised.accepted_value;
    }
    votes_.insert(from);
    if (voters_.is_quorum(votes_)) begin_accept(now_ms, out);
}

void RegisterProposer::begin_accept(std::uint64_t now_ms, std::vector<AddressedRequest>& out) {
    phase_ = Phase::accepting;
    votes_.clear();
    deadline_ms_ = now_ms + timing_.answer_timeout_ms;
    if (auto wanted = change_(value_)) {
        value_ = std::move(*wanted);
        changed_ = true;
    }
    for (const AcceptorId voter : voters_.everyone())
        out.push_back({voter, Accept{key_, ballot_, value_, voters_.number}});
}

void RegisterProposer::on_reply(std::uint64_t now_ms, AcceptorId from, const AcceptorReply& reply,
                                std::vector<AddressedRequest>& out) {
    if (state_ != State::running || !voters_.contains(from)) return;
    if (const auto* newer = std::get_if<OutOfDate>(&reply)) {
        if (newer->key != key_ || newer->ballot != ballot_ || newer->voter_set <= voters_.number) return;
        newer_voter_set_ = newer->voter_set;
        state_ = State::out_of_date;
    } else if (const auto* outbid = std::get_if<Outbid>(&reply)) {
        if (outbid->key != key_ || outbid->ballot != ballot_ || phase_ == Phase::waiting) return;
        // The answer to the network's duplicate of our own prepare: nobody was there before us.
        if (outbid->promised <= ballot_) return;
        highest_counter_ = std::max(highest_counter_, outbid->promised.counter);
        give_up_attempt(now_ms);
    } else if (const auto* promised = std::get_if<Promised>(&reply)) {
        if (promised->key == key_ && promised->ballot == ballot_ && phase_ == Phase::preparing)
            on_promised(now_ms, from, *promised, out);
    } else if (const auto* accepted = std::get_if<Accepted>(&reply)) {
        if (accepted->key != key_ || accepted->ballot != ballot_ || phase_ != Phase::accepting) return;
        votes_.insert(from);
        if (voters_.is_quorum(votes_)) state_ = State::chosen;
    }
}

void RegisterProposer::on_tick(std::uint64_t now_ms, std::vector<AddressedRequest>& out) {
    if (state_ != State::running || now_ms < deadline_ms_) return;
    if (phase_ == Phase::waiting)
        begin_attempt(now_ms, out);
    else
        give_up_attempt(now_ms);
}

}  // namespace sedge::node
