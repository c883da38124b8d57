// What the core asks of the world. The shell (node/io) and the simulator carry it out; nothing here happens by itself.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "node/core/journal_write.h"
#include "node/core/member.h"
#include "schema/bytes.h"
#include "schema/ids.h"
#include "schema/status.h"

namespace sedge::node {

// Two clocks, read once per event by the shell. `monotonic_ms` never goes back and counts sleep; `wall_ms` is Unix time and may jump.
struct Now {
    std::uint64_t monotonic_ms = 0;
    std::uint64_t wall_ms = 0;
    bool wall_is_trusted = true;  // false: not synchronised, or has just jumped; retention pauses
};

// A client's connection, by the routing id that the ROUTER socket gave it.
struct ConnectionId {
    std::string value;
    auto operator<=>(const ConnectionId&) const = default;
};

// One message to one client: a header frame, then body frames by reference. When the client has taken it (or is gone), the shell
// says so with Broker::on_reply_taken(to, reply_bytes).
struct Send {
    ConnectionId to;
    Buffer header;
    std::vector<SharedBytes> body;
    std::size_t reply_bytes = 0;  // what the core has counted for it; 0: nothing to report back
};

// Read records that are no longer in memory. Answered by Broker::on_read.
struct ReadRecords {
    std::uint64_t read_id = 0;
    PartitionId partition;
    Offset offset;       // the first batch read is the one that holds it
    Offset end;          // read no batch at or beyond it
    std::size_t max_bytes = 0;  // stop before exceeding it; the first batch is always read
};

// Find the first record at or after a time. Answered by Broker::on_read with `offset`.
struct FindTime {
    std::uint64_t read_id = 0;
    PartitionId partition;
    Offset start;
    Offset end;          // the answer if there is none
    std::uint64_t timestamp_ms = 0;
};

using ReadEffect = std::variant<ReadRecords, FindTime>;

// What a read found. Every batch was verified (check_appended_batch) before it came here.
struct ReadResult {
    enum class Outcome : std::uint8_t {
        found,
        damaged,  // records at the offset are quarantined; reading can go on at next_offset
        failed,   // the disk or a resource failed for now: nothing is known about the records, try again
    };
    Outcome outcome = Outcome::found;
    std::vector<SharedBytes> batches;  // each one or more whole batches, in order, without gaps
    Offset next_offset;                // damaged: the first readable offset behind the damage, or the end
    Offset offset;                     // FindTime: the answer
};

// Tell the journal which records are dead, after the entry that says so is durable, so that it can drop segments.
struct ReleaseRecords {
    PartitionId partition;
    Offset below;  // for a deleted topic: the highest offset
};

// One message to another node, see peer_envelope.h. It may be lost, doubled and late: whoever needs an answer asks again. At the
// shell's limits for what waits for one peer it is dropped and counted.
struct SendPeer {
    NodeId to;
    std::string address;  // "tcp://host:port" where `to` listens for peers
    Buffer header;
    std::vector<SharedBytes> body;
};

struct Effects {
    std::vector<JournalWrite> writes;
    std::vector<ReadEffect> reads;
    std::vector<Send> sends;
    std::vector<ReleaseRecords> releases;
    std::vector<SendPeer> peer_sends;

    bool empty() const {
        return writes.empty() && reads.empty() && sends.empty() && releases.empty() && peer_sends.empty();
    }
    void clear() {
        writes.clear();
        reads.clear();
        sends.clear();
        releases.clear();
        peer_sends.clear();
    }
};

}  // namespace sedge::node
