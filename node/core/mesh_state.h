// What a node keeps of its mesh: who is in it, what is agreed, and the messages that gather in a turn. Part of Broker::State.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "node/core/effects.h"
#include "node/core/membership.h"
#include "node/core/registers.h"
#include "node/core/replica_messages.h"

namespace sedge::node {

// A client's request that another node answers.
struct ForwardedRequest {
    ConnectionId from;
    std::uint64_t correlation_id = 0;
    NodeId to;
    std::uint64_t deadline_ms = 0;
};

// A topic that was made, whose maker waits for its partitions to have leaders.
struct MadeTopic {
    ConnectionId from;
    std::uint64_t correlation_id = 0;
    TopicId topic;
    std::uint64_t deadline_ms = 0;
};

// A read from the disk for a follower that is behind what is in memory.
struct ReplicaRead {
    NodeId to;
    PartitionId partition;
    Epoch epoch;
    Offset from;
};

// What leaves for one node at the end of the turn.
struct PeerOutbox {
    std::vector<Follow> follows;
    std::vector<Chunk> chunks;
    std::vector<SharedBytes> frames;  // of `chunks`
    std::size_t frame_bytes = 0;
    std::vector<Progress> progress;
};

struct MeshCounters {
    std::uint64_t elections = 0, handovers = 0, isr_shrinks = 0, isr_grows = 0, truncations = 0, logs_made = 0, gaps = 0;
    std::uint64_t refused_messages = 0, forwarded = 0, replica_reads = 0, replicated_bytes = 0;
};

struct MeshState {
    std::unique_ptr<Membership> membership;
    std::unique_ptr<Registers> registers;
    Registers::Output held_output;              // waits for room on the disk
    std::vector<Member> stored_members;         // as the journal has them
    bool has_acceptor = false;                  // the journal holds the memory of a voter
    bool members_changed = false;

    // Chosen values that wait to be applied, for want of room on the disk.
    std::deque<std::pair<RegisterKey, ChosenValue>> news;
    // What is to be done once a change of a register is over, after its news.
    std::vector<std::function<void(Now)>> finished;

    std::vector<PartitionId> to_stream;         // have new records for followers
    std::map<NodeId, PeerOutbox> outbox;
    std::map<std::uint64_t, ReplicaRead> reads;  // by read id
    std::map<std::uint64_t, ForwardedRequest> forwarded;  // by ticket
    std::vector<MadeTopic> made;
    std::uint64_t last_ticket = 0;
    std::size_t replicated_partitions = 0;      // kept here
    std::uint64_t next_roles_ms = UINT64_MAX;
    std::uint64_t next_voters_ms = 0;
    std::map<AcceptorId, std::uint64_t> voters_missed;  // since when nobody knows them to be alive
    std::uint64_t started_ms = 0;
    std::uint64_t next_join_ms = UINT64_MAX;
    std::uint64_t leave_by_ms = UINT64_MAX;     // a clean end waits no longer for others to take over
    bool has_left = false;
    MeshCounters counters;
};

// The mesh's own limits.
namespace mesh_limits {
inline constexpr std::size_t kMaxForwarded = 8192;
inline constexpr std::uint64_t kForwardPatienceMs = 10'000;  // beyond what a fetch may wait
inline constexpr std::size_t kMaxReplicaReads = 2;
inline constexpr std::size_t kChunkBytes = 512u << 10;
inline constexpr std::size_t kPeerMessageBytes = 1u << 20;   // bodies of one message; one chunk may exceed it
inline constexpr std::size_t kReplicaWindowBytes = 8u << 20; // sent to a follower and not yet durable there, per partition
inline constexpr std::size_t kMaxUndo = 65'536;              // batches above the watermark; then producers are told to wait
inline constexpr std::size_t kWatermarkEveryBatches = 256;   // the journal is told of the watermark this often
inline constexpr std::uint64_t kRoleTickMs = 100;
inline constexpr std::uint64_t kAskAgainMs = 300;
inline constexpr std::uint64_t kHeartbeatMs = 500;
inline constexpr std::uint64_t kSilenceMs = 2'000;           // a leader that says nothing for so long is asked again
inline constexpr std::uint64_t kResendMs = 1'000;            // what was sent and is not acknowledged is sent again
inline constexpr std::size_t kMaxHeldRefusals = 1'024;       // of one partition
inline constexpr std::uint64_t kLeadersPatienceMs = 5'000;
inline constexpr std::uint64_t kJoinAgainMs = 2'000;
inline constexpr std::uint64_t kHandOverMs = 3'000;
inline constexpr std::uint64_t kVotersIntervalMs = 1'000;
inline constexpr std::uint64_t kUnknownIsDeadMs = 10'000;    // after a start, a node that nobody knows counts as dead
inline constexpr std::size_t kMaxRegisterKeys = 200'000;
}  // namespace mesh_limits

}  // namespace sedge::node
