// What leaders and followers of partitions say to each other (DESIGN 7). One message speaks of many partitions.
//
// A follower asks to follow, with its lineage; the leader answers with its own, and from then on sends what it appends, from the
// follower's end on, as long as no more than a window is unacknowledged. The follower cuts off what the leader's lineage does not share, makes
// that durable, and says how far its log is durable. Whatever is lost on the way shows as a gap: then the follower asks again.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "node/core/lineage.h"
#include "node/core/partition_register.h"
#include "schema/bytes.h"
#include "schema/ids.h"

namespace sedge::node {

// "Send me the partition's records from `end` on." The epoch is durable at the sender.
struct Follow {
    PartitionId partition;
    Epoch epoch;
    LogId log;         // the sender's
    Offset end;        // of the sender's log, durable or not
    Lineage lineage;   // of the sender's log
};

// Some of the leader's records, or none: then only the watermark. Its batches are the next `frames` body frames.
struct Chunk {
    PartitionId partition;
    Epoch epoch;
    Offset base;                // where its records begin
    Epoch previous_epoch;       // of the batch before `base`; 0: there is none
    Offset start;               // of the leader's log
    Offset end;                 // of the leader's log, so that a follower notices that it missed something
    Offset high_watermark;
    std::optional<Lineage> lineage;  // in the answer to Follow
    std::uint32_t frames = 0;
    std::uint64_t round = 0;         // comes back in Progress: then the follower was still in this epoch
};

// "My log `log` holds everything below `end`, durably, in this epoch." `received`: the same, durable or not.
struct Progress {
    PartitionId partition;
    Epoch epoch;
    LogId log;
    Offset end;
    Offset received;
    std::uint64_t round = 0;  // the newest one that came with a chunk
};

void encode_follows(const std::vector<Follow>& follows, Buffer& out);
void encode_chunks(const std::vector<Chunk>& chunks, Buffer& out);
void encode_progress(const std::vector<Progress>& progress, Buffer& out);
// nullopt if the bytes are none; bounded by replica_limits.
std::optional<std::vector<Follow>> decode_follows(ByteView bytes);
std::optional<std::vector<Chunk>> decode_chunks(ByteView bytes);
std::optional<std::vector<Progress>> decode_progress(ByteView bytes);

namespace replica_limits {
inline constexpr std::size_t kMaxPerMessage = 4096;      // partitions in one message
inline constexpr std::size_t kMaxLineageSteps = 1024;    // the newest ones
}  // namespace replica_limits

}  // namespace sedge::node
