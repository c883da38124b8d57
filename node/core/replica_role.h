// What one start of the process does for a partition that has replicas: it leads it, follows its leader, or neither yet.
//
// Invariants (DESIGN 7): nothing is appended, sent or acknowledged in an epoch before `epoch_durable`; a held answer leaves only when the
// high watermark has passed it; a follower takes records only behind its own end, from the leader of the register that it knows.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "node/core/effects.h"
#include "node/core/leader_replicas.h"
#include "node/core/partition_register.h"
#include "node/core/replica_messages.h"
#include "schema/response.h"
#include "schema/status.h"

namespace sedge::node {

// The answer to a produce request with acks=all, until the high watermark passes `end`.
struct HeldAnswer {
    ConnectionId to;
    bool may_merge = false;
    std::uint64_t correlation_id = 0;
    Offset end;
    ProduceResponse response;
};

// A refusal that only the true leader may give, until a round through the ISR has shown that this is still the one: a leader that was
// paused or cut off would tell producers that they made an error, and consumers that their records are gone.
struct HeldRefusal {
    ConnectionId to;
    std::uint64_t correlation_id = 0;
    Status status;
    std::optional<Offset> next_offset;
    std::uint64_t round = 0;
};

// How far a follower has been sent the log.
struct FollowerCursor {
    LogId log;
    Offset next;               // what it is sent next
    Offset acknowledged;       // durable there
    bool reading = false;      // a read from the disk is under way for it
    std::uint64_t heard_ms = 0;
    std::uint64_t round = 0;   // the newest one that it has answered
    struct Sent {
        Offset end;
        std::size_t bytes = 0;
    };
    std::deque<Sent> in_flight;
    std::size_t in_flight_bytes = 0;
    Offset told_watermark;     // the newest one that it was sent
};

struct LeaderRole {
    explicit LeaderRole(LeaderReplicas known) : replicas(std::move(known)) {}

    LeaderReplicas replicas;
    std::map<NodeId, FollowerCursor> cursors;
    std::deque<HeldAnswer> held;
    std::deque<HeldRefusal> refusals;
    std::uint64_t round = 0;
    std::vector<std::pair<NodeId, Follow>> early;  // followers that asked before the epoch was durable here
};

struct FollowerRole {
    bool accepted = false;        // the leader has answered: its records may be appended
    bool rejoined = false;        // in this epoch the leader's lineage was compared, and what it does not share was cut off
    std::uint64_t asked_ms = 0;   // when the leader was asked last; 0: never
    std::uint64_t heard_ms = 0;   // from the leader
    Offset durable_end;
    Offset leader_watermark;
    Offset leader_end;
    std::uint64_t round = 0;
};

struct ReplicaRole {
    std::optional<PartitionRegister> chosen;  // the newest value of the register known
    bool was_read = false;                    // the register is known, or known to be empty
    bool is_asking = false;                   // a change of the register, or a read, is under way
    std::uint64_t next_try_ms = 0;
    Epoch epoch;                              // of the role below
    std::uint64_t since_ms = 0;               // of that epoch here
    bool epoch_durable = false;
    std::optional<LeaderRole> leader;
    std::optional<FollowerRole> follower;
    bool is_queued = false;                   // has records to stream

    bool leads() const { return leader.has_value() && epoch_durable; }
};

}  // namespace sedge::node
