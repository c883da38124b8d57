// All segments of the journal with their indexes: where every batch is, which segments are dead, what is damaged.
// Thread-safe: the writer adds, the read pool looks up, the event loop releases.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "node/core/effects.h"
#include "node/io/file.h"
#include "node/io/manifest.h"
#include "node/io/segment_index.h"
#include "node/io/segment_writer.h"
#include "schema/response.h"

namespace sedge::node {

// A segment for reading. Its file stays open while somebody holds it.
struct Segment {
    std::uint64_t id = 0;
    File file;
    SegmentIndex index;
    bool keep = false;  // damaged beyond knowing what it holds: it stays for whoever can still read something out of it
};

class JournalCatalogue {
  public:
    // --- Segments, in the order of their ids ---
    void add_segment(std::shared_ptr<Segment> segment);
    void add_batches(std::uint64_t segment_id, const std::vector<SegmentWriter::Placed>& batches);
    // Replaces the index of a segment by the one that was written to its file.
    void seal(std::uint64_t segment_id, SegmentIndex on_disk);
    Buffer encode_index(std::uint64_t segment_id) const;

    // Records below are dead; a deleted topic's partition is dead as a whole.
    void release(const ReleaseRecords& release);
    // What is not named here is dead as a whole: the state after recovery.
    void retain(const std::vector<ReleaseRecords>& live);
    // Takes out the sealed segments in which nothing is alive. The newest is never among them.
    std::vector<std::shared_ptr<Segment>> take_dead();

    struct Location {
        std::shared_ptr<Segment> segment;
        BatchRun run;
    };
    // The runs that hold `offset` and what follows, below `end`, at most `count`, in order. The first may lie behind `offset` where records are
    // missing. nullopt: a disk failed, nothing is known.
    std::optional<std::vector<Location>> locate(const PartitionId& partition, Offset offset, Offset end, std::size_t count) const;
    // The first run with a record at or after the time, from `start` on.
    std::optional<std::vector<Location>> locate_time(const PartitionId& partition, Offset start, std::uint64_t timestamp_ms) const;

    // --- Damage ---
    void report(const std::string& kind, const std::string& subject, const std::string& message);
    std::vector<HealthProblem> problems() const;
    bool take_problems_changed();

    std::size_t segments() const;

  private:
    std::vector<std::shared_ptr<Segment>> segments_with(const PartitionId& partition, Offset offset) const;

    mutable std::mutex mutex_;
    std::map<std::uint64_t, std::shared_ptr<Segment>> segments_;
    std::uint64_t open_id_ = 0;
    std::map<PartitionId, Offset> released_;
    std::optional<std::map<PartitionId, bool>> retained_;
    std::uint64_t retained_up_to_id_ = 0;
    std::map<std::pair<std::string, std::string>, std::string> problems_;
    bool problems_changed_ = false;
};

}  // namespace sedge::node
