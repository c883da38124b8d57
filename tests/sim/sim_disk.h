// A simulated disk that holds a journal's segments. It knows of every write whether it has merely reached the system's cache or the
// disk itself, and so what a power cut would forget. It outlives the processes that use it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "node/core/effects.h"
#include "node/core/journal_write.h"
#include "tests/sim/random.h"

namespace sedge::sim {

struct StoredEntry {
    node::EntryType type = node::EntryType::batch;
    PartitionId partition;
    Offset base_offset;
    Offset end_offset;  // of a batch
    Buffer payload;
    bool damaged = false;  // a bit has flipped; only the planner of faults and the checker look at this
};

struct StoredWrite {
    std::vector<StoredEntry> entries;
    std::uint64_t cost = 0;
    bool torn = false;  // a power cut left only a part of it; its checksum says so
};

// Learns what happens to the writes. The order is that of the journal.
class DiskWatcher {
  public:
    virtual ~DiskWatcher() = default;
    virtual void on_cached(const StoredWrite& write) = 0;   // survives the process
    virtual void on_synced(const StoredWrite& write) = 0;   // survives a power cut; follows on_cached
    virtual void on_lost(const StoredWrite& write) = 0;     // the newest first
    virtual void on_damaged(const StoredEntry& entry) = 0;
};

class SimDisk {
  public:
    SimDisk(std::uint64_t segment_bytes, std::uint64_t capacity_segments)
        : segment_bytes_(segment_bytes), capacity_segments_(capacity_segments) {}

    void watch(DiskWatcher* watcher) { watcher_ = watcher; }
    std::uint64_t segment_bytes() const { return segment_bytes_; }

    // --- Space ---
    bool has_spare() const { return spares_ > 0; }
    bool can_make_spare() const { return segments_.size() + spares_ + taken_by_others_ < capacity_segments_; }
    void make_spare() { ++spares_; }
    void let_others_take(std::uint64_t segments) { taken_by_others_ = segments; }
    void set_capacity(std::uint64_t segments) { capacity_segments_ = segments; }
    std::uint64_t segments() const { return segments_.size(); }
    // What others have to take so that no further segment can be made.
    std::uint64_t free_segments() const {
        const std::uint64_t used = segments_.size() + spares_;
        return used >= capacity_segments_ ? 0 : capacity_segments_ - used;
    }

    // --- Writing ---
    // Syncs the open segment and begins a spare one.
    void roll();
    void write(const node::JournalWrite& write);
    void sync();
    // The records are dead; segments that hold nothing else go, but never the newest one.
    void release(PartitionId partition, Offset below);
    // What a start knows: the records of all other partitions are dead. A process's releases are forgotten with it.
    void retain(const std::vector<node::ReleaseRecords>& live);

    // --- What goes wrong ---
    // Of the writes not synced a prefix may survive, and the one behind it may be torn.
    void power_cut(Random& random);
    // A bit flips in some batch that is safely stored: true if there was one.
    bool flip_bit(Random& random);

    // --- After a stop ---
    // What a start does before it believes anything: torn writes go (unless `keep_torn`), the rest is synced.
    void verify_and_sync(bool keep_torn);

    // --- Reading ---
    struct Place {
        Offset base, end;
        const StoredEntry* entry = nullptr;
    };
    // The batches of a partition from the one that holds `offset`, or the first behind it.
    std::vector<Place> batches_from(PartitionId partition, Offset offset, Offset end, std::size_t most) const;
    // The newest segment's writes, the first entry being its checkpoint; nullptr if the disk is empty.
    const std::deque<StoredWrite>* newest_segment() const;
    Offset end_of(PartitionId partition) const;

  private:
    struct Segment {
        std::deque<StoredWrite> writes;
        std::size_t synced = 0;  // how many of them
        std::uint64_t used_bytes = 0;
        std::map<PartitionId, Offset> ends;
        std::uint64_t number = 0;
    };
    struct Indexed {
        Offset base, end;
        std::uint64_t segment;
        const StoredEntry* entry;
    };
    void lose_last_write();
    void drop_dead_segments();

    const std::uint64_t segment_bytes_;
    std::uint64_t capacity_segments_;
    std::uint64_t spares_ = 0;
    std::uint64_t taken_by_others_ = 0;
    std::uint64_t next_number_ = 1;
    bool look_for_dead_ = false;
    std::deque<Segment> segments_;
    std::map<PartitionId, std::deque<Indexed>> index_;
    std::map<PartitionId, Offset> released_;
    DiskWatcher* watcher_ = nullptr;
};

}  // namespace sedge::sim
