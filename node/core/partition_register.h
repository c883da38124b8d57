// The register of a partition: who leads it in which epoch, and which logs are in sync (DESIGN 7). Its changes are pure functions
// from the chosen value to the wanted one, so that every rule of leadership stands here and nowhere else.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "node/core/member.h"
#include "schema/bytes.h"
#include "schema/ids.h"

namespace sedge::node {

// A log's identity: random, made with the log, replaced whenever acknowledged data may be missing from it.
struct LogId {
    std::uint64_t value = 0;
    auto operator<=>(const LogId&) const = default;
};

// The ISR names logs, not nodes: an empty disk behind a known name is not in sync.
struct Replica {
    NodeId node;
    LogId log;
    auto operator<=>(const Replica&) const = default;
};

struct PartitionRegister {
    Epoch epoch;
    NodeId leader;
    std::uint64_t leader_nonce = 0;     // of the leader's start: another start of the same node is not this leader
    bool resigned = false;              // the leader of this epoch appends no more
    std::vector<Replica> isr;           // sorted, never empty, the leader's log included
    bool operator==(const PartitionRegister&) const = default;

    bool in_sync(const Replica& replica) const;
};

void encode_partition_register(const PartitionRegister& value, Buffer& out);
std::optional<PartitionRegister> decode_partition_register(ByteView bytes);

// Each answers the value to choose, or nullopt when the change is not allowed (any more) or has happened already.

// The first leader of a new partition, alone in the ISR until the others have caught up.
std::optional<PartitionRegister> found_partition(const std::optional<PartitionRegister>& current, Replica leader,
                                                 std::uint64_t nonce);
// `candidate` takes over: its log must be in the ISR, and `is_dead` must call the leader dead, or the leader resigned, or it is
// the candidate's own node after a restart. The ISR loses the dead.
std::optional<PartitionRegister> take_over(const PartitionRegister& current, Replica candidate, std::uint64_t nonce,
                                           const std::function<bool(NodeId)>& is_dead);
// The leader of exactly this epoch adds a log that has caught up, removes one that lags, or resigns.
std::optional<PartitionRegister> add_to_isr(const PartitionRegister& current, Epoch epoch, std::uint64_t nonce, Replica replica);
std::optional<PartitionRegister> remove_from_isr(const PartitionRegister& current, Epoch epoch, std::uint64_t nonce,
                                                 Replica replica);
std::optional<PartitionRegister> resign(const PartitionRegister& current, Epoch epoch, std::uint64_t nonce);

}  // namespace sedge::node
