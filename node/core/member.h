// What a node knows about another one, and how two pieces of such knowledge are ordered.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "node/core/ballot.h"

namespace sedge::node {

// A node's identity: random, made with its data directory. The same name with an empty disk is another node.
struct NodeId {
    std::uint64_t value = 0;
    auto operator<=>(const NodeId&) const = default;
};

enum class MemberState : std::uint8_t { alive, suspect, dead, left };

// What a node says of itself. Only the node itself changes it, and raises its incarnation when it does.
struct NodeFacts {
    std::string name;
    std::string client_address;  // "tcp://host:port"
    std::string peer_address;
    std::string stream_address;
    std::string version;
    std::vector<std::pair<std::string, std::string>> labels;
    std::uint64_t start_nonce = 0;  // drawn at each start of its process
    AcceptorId acceptor;            // its memory that may vote, see ballot.h
    bool operator==(const NodeFacts&) const = default;
};

struct Member {
    NodeId id;
    // Raised only by the node itself: to refute a suspicion, and at each start (the start's number is in the upper 32 bits).
    std::uint64_t incarnation = 0;
    MemberState state = MemberState::alive;
    NodeFacts facts;
    bool operator==(const Member&) const = default;
};

// Does `news` replace `known` (SWIM, section 4.2)? A higher incarnation wins; within one, left over dead over suspect over alive.
inline bool supersedes(const Member& news, const Member& known) {
    if (news.incarnation != known.incarnation) return news.incarnation > known.incarnation;
    return news.state > known.state;
}

}  // namespace sedge::node
