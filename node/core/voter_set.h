// Who votes on registers, and what a quorum of them is. Vote arithmetic only.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "node/core/ballot.h"
#include "schema/bytes.h"

namespace sedge::node {

// A configuration of voters. While a change is under way `next` is not empty, and a quorum needs a majority of both sets
// (joint consensus: Ongaro and Ousterhout, 2014, section 6). Numbers only grow; each number names one configuration, ever.
struct VoterSet {
    std::uint64_t number = 0;
    std::vector<AcceptorId> voters;  // sorted, odd in number once committed
    std::vector<AcceptorId> next;    // sorted; empty: no change is under way

    bool changing() const { return !next.empty(); }
    bool contains(AcceptorId id) const;
    // Everyone whose vote may count, once each, sorted.
    std::vector<AcceptorId> everyone() const;
    // Do these votes decide?
    bool is_quorum(const std::set<AcceptorId>& votes) const;
    bool operator==(const VoterSet&) const = default;
};

// How many voters a mesh of `nodes` nodes should have when `target` (1, 3 or 5) are wanted: the largest odd number within both.
std::size_t voters_for(std::size_t nodes, std::size_t target);

void encode_voter_set(const VoterSet& set, Buffer& out);
// nullopt if the bytes are no voter set: unsorted, doubled, empty or oversized sets are none.
std::optional<VoterSet> decode_voter_set(ByteView bytes);

}  // namespace sedge::node
