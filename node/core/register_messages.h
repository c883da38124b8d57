// What proposers and acceptors of registers say to each other (CASPaxos: Rystsov, "CASPaxos: Replicated State Machines without
// logs", 2018). Each message is about one register, named by its key.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "node/core/ballot.h"
#include "schema/bytes.h"

namespace sedge::node {

using RegisterKey = std::string;
using RegisterValue = Buffer;  // empty: never set

struct Prepare {
    RegisterKey key;
    Ballot ballot;
    std::uint64_t voter_set = 0;  // the configuration's number, see VoterSet
};

struct Accept {
    RegisterKey key;
    Ballot ballot;
    RegisterValue value;
    std::uint64_t voter_set = 0;
};

// "Refuse everyone who does not know configuration `voter_set` yet, and tell me the keys that you hold."
struct Fence {
    std::uint64_t voter_set = 0;
};

using AcceptorRequest = std::variant<Prepare, Accept, Fence>;

// The answer to Prepare: the value accepted last, and in which ballot.
struct Promised {
    RegisterKey key;
    Ballot ballot;
    Ballot accepted_ballot;
    RegisterValue accepted_value;
};

struct Accepted {
    RegisterKey key;
    Ballot ballot;
};

// A higher ballot was promised: try again above it.
struct Outbid {
    RegisterKey key;
    Ballot ballot;    // the one refused
    Ballot promised;
};

// The acceptor knows a newer configuration than the proposer, who must learn it before it tries again.
struct OutOfDate {
    RegisterKey key;
    Ballot ballot;    // of the request; default for a Fence
    std::uint64_t voter_set = 0;
};

struct Fenced {
    std::uint64_t voter_set = 0;
    std::vector<RegisterKey> keys;
};

using AcceptorReply = std::variant<Promised, Accepted, Outbid, OutOfDate, Fenced>;

}  // namespace sedge::node
