// Where the batches of each partition are, in one segment: runs of batches that follow each other in one value. Built while a segment is
// written (or scanned), and written behind its values when it is sealed.
//
//   index block, page aligned: u32 magic "SGIX"  u32 CRC-32C of the directory  u64 partitions  u64 runs  8 zeros
//   directory: per partition, sorted: 16 topic id  u32 partition  u32 0  u64 first  u64 end  u64 first run  u64 runs  u64 max_timestamp_ms
//   runs: per partition by rising offset: u64 base  u64 end  u64 position of the first entry header  u64 bytes  u64 max_timestamp_ms
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

class SegmentIndex {
  public:
    struct Span {
        Offset first;
        Offset end;
        std::uint64_t max_timestamp_ms = 0;
        std::uint64_t first_run = 0;  // in the index block on the disk
        std::uint64_t runs = 0;
    };

    // Batches in the order of the segment. Joins a batch to the run before it when it follows directly and the run stays small.
    void add(const PartitionId& partition, const BatchHeader& batch, std::uint64_t entry_at, std::uint64_t stored_bytes);

    // The block's bytes, to be written at `at` of the segment's file. After this, add() must not be called.
    Buffer encode() const;
    // Reads the directory of a block; the runs stay on the disk. nullopt if it is damaged or does not fit the file.
    static std::optional<SegmentIndex> open(const File& file, std::uint64_t at);

    const std::map<PartitionId, Span>& spans() const { return spans_; }
    // The runs of `partition` from the one that holds `offset`, or the first one behind it, at most `count`. nullopt: reading failed.
    std::optional<std::vector<BatchRun>> runs_from(const File& file, const PartitionId& partition, Offset offset, std::size_t count) const;

  private:
    std::optional<BatchRun> run_at(const File& file, std::uint64_t number) const;
    std::map<PartitionId, Span> spans_;
    std::map<PartitionId, std::vector<BatchRun>> in_memory_;  // empty once only the disk has them
    std::uint64_t runs_at_ = 0;                               // where the runs begin in the file; 0: in memory
};

}  // namespace sedge::node
