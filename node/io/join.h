// How a node without a mesh gets into one: it asks the addresses that it was told, in turn, until a member lets it in (DESIGN 5).
#pragma once

#include <string>
#include <vector>

#include "node/core/join_message.h"
#include "node/io/peer_door.h"
#include "node/io/signals.h"
#include "node/io/wall_clock.h"
#include "schema/status.h"

namespace sedge::node {

struct JoinOptions {
    std::vector<HostPort> members;      // where members listen for clients: they listen for peers one port above
    Member self;                        // the answer goes to its peer_address
    std::uint64_t start_nonce = 0;
    std::uint64_t ask_again_ms = 500;
    std::uint64_t tell_every_ms = 5'000;  // a line of log while nobody answers
};

// Returns once a member has answered. invalid_config: it refused, with its reason. shutting_down: a signal asked to stop.
Result<JoinAnswer> join_mesh(const JoinOptions& options, PeerDoor& door, WallClock& clock, Signals& signals);

}  // namespace sedge::node
