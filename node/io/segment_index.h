// Where the batches of each partition are, in one segment: runs of batches that follow each other in one value. Built while a segment is
// written (or scanned), and written behind its values when it is sealed.
//
//   index block, page aligned: u32 magic "SGIX"  u32 CRC-32C of segment nonce, the next 24 bytes and the directory
//                              u64 partitions  u64 runs  8 zeros
//   directory: per partition, sorted: 16 topic id  u32 partition  u32 0  u64 first  u64 end  u64 first run  u64 runs  u64 max_timestamp_ms
//   runs: per partition by rising offset: u64 base  u64 end  u64 position of the first entry header  u64 bytes  u64 max_timestamp_ms
//         u32 CRC-32C of these  u32 0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "node/io/file.h"
#include "node/io/segment_format.h"
#include "schema/record_batch.h"

namespace sedge::node {

struct BatchRun {
    Offset base;
    Offset end;
    std::uint64_t position = 0;  // of the first entry header in the file
    std::uint64_t bytes = 0;     // from there to the end of the last entry
    std::uint64_t max_timestamp_ms = 0;
};

// What a segment holds of one partition.
struct IndexSpan {
    PartitionId partition;
    Offset first;
    Offset end;
    std::uint64_t max_timestamp_ms = 0;
    std::uint64_t first_run = 0;  // of the index block
    std::uint64_t runs = 0;
};

// The index of a segment that is being written, in memory.
class SegmentIndexBuilder {
  public:
    // Batches in the order of the segment. Joins a batch to the run before it when it follows directly and the run stays small.
    void add(const PartitionId& partition, const BatchHeader& batch, std::uint64_t entry_at, std::uint64_t stored_bytes);
    // Records that were there, but cannot be read.
    void add_lost(const PartitionId& partition, Offset base, Offset end);

    // nullptr: nothing of it is here.
    const IndexSpan* find(const PartitionId& partition) const;
    // The runs of `partition` from the one that holds `offset`, or the first one behind it, at most `count`.
    std::vector<BatchRun> runs_from(const PartitionId& partition, Offset offset, std::size_t count) const;
    // The block's bytes.
    Buffer encode(std::uint64_t segment_nonce) const;

  private:
    struct Part {
        IndexSpan span;
        std::vector<BatchRun> runs;
    };
    std::map<PartitionId, Part> parts_;
};

// The index of a sealed segment: a directory in memory, the runs on the disk (or in memory, if the disk had no room for them).
// Immutable: any thread.
class SegmentIndex {
  public:
    enum class Outcome : std::uint8_t {
        good,
        failed,   // the disk refused
        damaged,  // what was read is not what was written: make the index again from the segment's values
    };
    struct Runs {
        Outcome outcome = Outcome::good;
        std::vector<BatchRun> runs;
    };

    // Reads the directory of the block at `at`. nullptr if it is damaged, or of another segment.
    static std::shared_ptr<const SegmentIndex> open(const File& file, std::uint64_t at, std::uint64_t segment_nonce);
    static std::shared_ptr<const SegmentIndex> in_memory(Buffer block, std::uint64_t segment_nonce);

    const std::vector<IndexSpan>& spans() const { return spans_; }  // sorted by partition
    const IndexSpan* find(const PartitionId& partition) const;
    // As SegmentIndexBuilder::runs_from. `file` is the segment's.
    Runs runs_from(const File& file, const PartitionId& partition, Offset offset, std::size_t count) const;

  private:
    bool read(const File& file, std::uint64_t at, MutableBytes out, bool& failed) const;
    bool parse(const File& file, std::uint64_t at, std::uint64_t segment_nonce);
    Runs read_runs(const File& file, std::uint64_t number, std::size_t count) const;

    std::vector<IndexSpan> spans_;
    std::uint64_t runs_at_ = 0;
    std::optional<Buffer> block_;  // then positions are of it
};

}  // namespace sedge::node
