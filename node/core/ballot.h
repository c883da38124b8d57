// The order of attempts to change a register, and who may vote on them.
#pragma once

#include <compare>
#include <cstdint>

namespace sedge::node {

// A memory that votes: made with a node's journal, never given to another. A fresh, damaged or rolled-back journal gets a new one,
// so that a vote is never asked of a memory that forgot what it promised.
struct AcceptorId {
    std::uint64_t value = 0;
    auto operator<=>(const AcceptorId&) const = default;
};

// One attempt. `nonce` is drawn at each start of the process, so that a node that forgot its counter never uses a ballot twice:
// a ballot carries one value, ever. The default is below every real one.
struct Ballot {
    std::uint64_t counter = 0;
    AcceptorId proposer;
    std::uint64_t nonce = 0;
    auto operator<=>(const Ballot&) const = default;
};

}  // namespace sedge::node
