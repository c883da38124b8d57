// What the core asks the journal to store. The journal is one ordered stream of writes; everything that must survive a
// restart is in it, and a partition's whole state is a function of it (DESIGN 3: "the journal tells the whole story").
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "schema/bytes.h"
#include "schema/ids.h"

namespace sedge::node {

// Counts the writes of one start of the process from 1. Durability is reported in this order.
struct WriteToken {
    std::uint64_t value = 0;
    auto operator<=>(const WriteToken&) const = default;
};

// The numbers are on disk: never change or reuse one.
enum class EntryType : std::uint8_t {
    batch = 1,          // payload: one stamped record batch
    topic_created = 2,  // payload: the topic's description, see catalogue.h
    topic_altered = 3,  // payload: the same
    topic_deleted = 4,  // payload: none; the records of the topic's partitions are dead from here on
    log_start = 5,      // base_offset: the partition's records below it are dead; payload: none
    checkpoint = 6,     // payload: the whole state at this point of the stream, see checkpoint.h; first in every segment
    // Of a partition that has replicas; payloads are in log_entries.h:
    log_made = 7,       // base_offset: an empty log begins here, all records that came before are dead; payload: its log id
    truncated = 8,      // base_offset: the partition's records from it on are cut off; what is appended later takes their place
    epoch_seen = 9,     // payload: an epoch; nothing is done in it before this is durable
    watermark = 10,     // base_offset: the high watermark, at least
    // Of the node; the journal does not look into them:
    acceptor_made = 11,    // payload: the id of the memory that votes; what an earlier one promised is gone
    acceptor_record = 12,  // payload: one register's promise and value, see acceptor.h
    acceptor_fence = 13,   // payload: the newest configuration of voters seen
    members = 14,          // payload: who is in the mesh and where, so that a restart finds somebody
};

struct JournalEntry {
    EntryType type = EntryType::batch;
    PartitionId partition;
    Offset base_offset;
    SharedBytes payload;
};

// Stored in order and as a whole: after a crash either all entries of a write are there, or none. The entries of one write
// may be committed together with later writes.
struct JournalWrite {
    WriteToken token;
    // false: reported as stored once the system has it (durability=os); true: once it is on the disk.
    bool sync = true;
    // Begin a new segment first; entries[0] is then the checkpoint.
    bool roll = false;
    std::vector<JournalEntry> entries;
};

// What a write takes of a segment at most. Deliberately an upper bound, the same in the core and in the journal, so that
// both agree on when a segment is full: the value's header and entry headers, rounded up to pages, and a page for the tree.
inline constexpr std::uint64_t kJournalPageBytes = 4096;
inline constexpr std::uint64_t kJournalValueHeaderBytes = 64;
inline constexpr std::uint64_t kJournalEntryHeaderBytes = 64;
std::uint64_t journal_cost(const JournalWrite& write);
// Its parts: what one entry takes, and what a write takes whose entries take `entry_bytes` in all.
std::uint64_t journal_entry_bytes(std::uint64_t payload_bytes);
std::uint64_t journal_cost_of(std::uint64_t entry_bytes);

// Room that the journal has. `next_segment_ready`: a roll will succeed without asking the file system for space.
// `disk_full`: the next segment could not be made for want of space; the journal keeps trying.
struct JournalRoom {
    bool next_segment_ready = false;
    bool disk_full = false;
};

}  // namespace sedge::node
