#include "node/core/acceptor.h"

namespace sedge::node {

void Acceptor::restore(AcceptorRecord record) { records_[record.key] = std::move(record); }

void Acceptor::restore_fence(std::uint64_t voter_set) { raise_fence(voter_set); }

Acceptor::Outcome Acceptor::handle(const AcceptorRequest& request) {
    if (const auto* prepare = std::get_if<Prepare>(&request)) return on_prepare(*prepare);
    if (const auto* accept = std::get_if<Accept>(&request)) return on_accept(*accept);
    return on_fence(std::get<Fence>(request));
}

bool Acceptor::raise_fence(std::uint64_t voter_set) {
    if (voter_set <= fence_) return false;
    fence_ = voter_set;
    return true;
}

Acceptor::Outcome Acceptor::on_prepare(const Prepare& prepare) {
    if (prepare.voter_set < fence_) return {OutOfDate{prepare.key, prepare.ballot, fence_}, false, {}};
    const bool moved = raise_fence(prepare.voter_set);
    AcceptorRecord& record = records_[prepare.key];
    record.key = prepare.key;
    // A repeated prepare is refused as well: the proposer may have given its ballot's only value away already.
    if (prepare.ballot <= record.promised) return {Outbid{prepare.key, prepare.ballot, record.promised}, moved, {}};
    record.promised = prepare.ballot;
    return {Promised{prepare.key, prepare.ballot, record.accepted, record.value}, moved, record};
}

Acceptor::Outcome Acceptor::on_accept(const Accept& accept) {
    if (accept.voter_set < fence_) return {OutOfDate{accept.key, accept.ballot, fence_}, false, {}};
    const bool moved = raise_fence(accept.voter_set);
    AcceptorRecord& record = records_[accept.key];
    record.key = accept.key;
    if (accept.ballot < record.promised) return {Outbid{accept.key, accept.ballot, record.promised}, moved, {}};
    if (accept.ballot == record.accepted) {
        // The network's duplicate is answered again; another value in the same ballot is a broken proposer.
        if (accept.value != record.value) return {Outbid{accept.key, accept.ballot, record.promised}, moved, {}};
        return {Accepted{accept.key, accept.ballot}, moved, {}};
    }
    record.promised = accept.ballot;
    record.accepted = accept.ballot;
    record.value = accept.value;
    return {Accepted{accept.key, accept.ballot}, moved, record};
}

Acceptor::Outcome Acceptor::on_fence(const Fence& fence) {
    if (fence.voter_set < fence_) return {OutOfDate{{}, {}, fence_}, false, {}};
    const bool moved = raise_fence(fence.voter_set);
    Fenced fenced{fence.voter_set, {}};
    for (const auto& [key, record] : records_)
        if (record.accepted != Ballot{}) fenced.keys.push_back(key);
    return {std::move(fenced), moved, {}};
}

}  // namespace sedge::node
