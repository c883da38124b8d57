// All segments of the journal with their indexes: where every batch is, and which segments are dead.
// Thread-safe: the writer adds and seals, the read pool looks up. No lock is held while a disk is read.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "node/core/effects.h"
#include "node/io/health_board.h"
#include "node/io/open_files.h"
#include "node/io/segment_index.h"
#include "node/io/segment_writer.h"

namespace sedge::node {

// A segment for reading. What is not const changes only under the catalogue's lock.
struct Segment {
    const std::uint64_t id;
    const std::uint64_t nonce;
    const std::string path;
    std::uint64_t used_bytes = 0;               // sealed: where its values end
    std::shared_ptr<const SegmentIndex> index;  // sealed
    std::unique_ptr<SegmentIndexBuilder> open;  // not yet sealed
    bool is_kept = false;                       // damaged: the index may not know all of it, so it never counts as dead

    const IndexSpan* find(const PartitionId& partition) const { return index ? index->find(partition) : open->find(partition); }
};

class JournalCatalogue {
  public:
    JournalCatalogue(std::size_t max_open_files, HealthBoard& health) : files_(max_open_files), health_(health) {}

    // --- Segments, in the order of their ids ---
    void add_segment(std::shared_ptr<Segment> segment);
    void add_batches(std::uint64_t segment_id, const std::vector<SegmentWriter::Placed>& batches);
    Buffer encode_index(std::uint64_t segment_id) const;
    void seal(std::uint64_t segment_id, std::uint64_t used_bytes, std::shared_ptr<const SegmentIndex> index);

    // Records below are dead; a deleted topic's partition is dead as a whole.
    void release(const std::vector<ReleaseRecords>& releases);
    // The state after recovery: in the segments behind `keep_to`, what is not named here is dead as a whole.
    void retain(const std::vector<ReleaseRecords>& live, std::uint64_t keep_to);
    // Takes out the sealed segments in which nothing is alive. The newest is never among them.
    std::vector<std::shared_ptr<Segment>> take_dead();

    // --- Looking up, on any thread ---
    struct Location {
        std::shared_ptr<Segment> segment;
        std::shared_ptr<const File> file;
        BatchRun run;  // its end is where newer records begin, if they begin in it
    };
    struct Locations {
        bool failed = false;  // a disk or resource failed: nothing is known
        std::vector<Location> found;
    };
    // The runs that hold `offset` and what follows, below `end`, at most `count`, in order. The first may lie behind `offset` where
    // records are missing.
    Locations locate(const PartitionId& partition, Offset offset, Offset end, std::size_t count);
    // The first run from `start` on that says to have a record at or after the time.
    Locations locate_time(const PartitionId& partition, Offset start, Offset end, std::uint64_t timestamp_ms);

    void forget_file(const std::string& path) { files_.forget(path); }
    bool contains(std::uint64_t segment_id) const;
    std::size_t segments() const;

  private:
    // A segment that holds records of the partition, of which those in [offset, end) count.
    struct Part {
        std::shared_ptr<Segment> segment;
        std::shared_ptr<const SegmentIndex> index;  // nullptr: `runs` are all that is wanted
        std::vector<BatchRun> runs;
        Offset end;
        std::uint64_t max_timestamp_ms = 0;
    };
    std::vector<Part> parts_from(const PartitionId& partition, Offset offset, std::size_t count) const;
    // False: a disk or resource failed.
    bool read_runs(Part& part, const PartitionId& partition, Offset offset, std::size_t count, std::shared_ptr<const File>& file);
    std::shared_ptr<const SegmentIndex> rebuild(const Part& part, const File& file);
    void forget_releases();
    bool in_open(const PartitionId& partition) const;
    bool is_dead(const Segment& segment, const PartitionId& partition, Offset end) const;

    OpenFiles files_;
    HealthBoard& health_;
    mutable std::mutex mutex_;
    std::map<std::uint64_t, std::shared_ptr<Segment>> segments_;
    std::uint64_t newest_id_ = 0;
    std::map<PartitionId, Offset> released_;
    std::optional<std::set<PartitionId>> retained_;
    std::uint64_t retained_from_id_ = 0, retained_to_id_ = 0;  // behind the first, up to the second
};

}  // namespace sedge::node
