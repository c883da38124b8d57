// Writes one segment through LMDB: one value per group commit, appended in the order of its sequence. One thread at a time.
//
// LMDB maps only files that this process has just prepared (see SegmentStore), never one that a crash left behind.
#pragma once

#include <lmdb.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "node/io/direct_file.h"
#include "node/io/segment_format.h"
#include "schema/status.h"

namespace sedge::node {

class SegmentWriter {
  public:
    // A batch's place, for the index.
    struct Placed {
        PartitionId partition;
        std::uint64_t entry_at = 0;
        std::uint64_t stored_bytes = 0;
        SharedBytes batch;
    };
    struct Commit {
        std::vector<Placed> batches;
        std::uint64_t value_bytes = 0;
        std::uint64_t written_bytes = 0;  // whole pages, and about what LMDB's tree and meta pages take
    };

    // Opens a prepared file. An error text on failure.
    static Result<std::unique_ptr<SegmentWriter>> open(const std::string& path, std::uint64_t id, std::uint64_t nonce,
                                                       std::uint64_t map_bytes);
    ~SegmentWriter();
    SegmentWriter(const SegmentWriter&) = delete;
    SegmentWriter& operator=(const SegmentWriter&) = delete;

    // Commits the entries of all `writes` as the value `sequence`. The system has it then; sync() makes it durable. An error is final:
    // what reached the file is unknown. `durable_to`: the newest sequence that is on the disk for sure.
    // `sync_follows`: the caller means to call sync() soon, perhaps after some more of these.
    Status commit(std::uint64_t sequence, std::uint64_t durable_to, bool sync_follows, std::span<const JournalWrite> writes, Commit& done);
    Status sync();

    // Where a block behind everything written would begin; page aligned.
    std::uint64_t end_of_pages() const;
    std::uint64_t id() const { return id_; }
    std::uint64_t nonce() const { return nonce_; }

  private:
    SegmentWriter(MDB_env* env, std::uint64_t id, std::uint64_t nonce);
    // Appends a key of LMDB whose value lies on pages of its own from byte `value_at` of the file; `fill` writes it.
    template <class Fill>
    Status append_value(std::uint64_t sequence, std::uint64_t size_bytes, std::uint64_t& value_at, Fill&& fill);
    Status commit_as_value(const ValueHeader& header, bool sync_follows, std::span<const JournalWrite> writes, Commit& done);
    Status commit_in_arena(const ValueHeader& header, bool sync_follows, std::span<const JournalWrite> writes, Commit& done);
    Status open_arena(std::uint64_t sequence, Commit& done);

    MDB_env* env_;
    MDB_dbi database_ = 0;
    int descriptor_ = -1;
    const std::uint64_t id_;
    const std::uint64_t nonce_;
    std::size_t page_bytes_ = 0;
    std::uint64_t last_value_bytes_ = 0;
    // What is left of the arena: see segment_writer.cc.
    std::uint64_t arena_at_ = 0;
    std::uint64_t arena_end_ = 0;
    bool arena_is_synced_ = false;
    std::optional<DirectFile> pages_;
};

// The first pages of an empty LMDB file of this size, as LMDB itself writes them; made once in `directory`.
Result<Buffer> empty_lmdb_pages(const std::string& directory, std::uint64_t map_bytes);
// The page size that LMDB uses on this machine.
std::size_t lmdb_page_bytes();

}  // namespace sedge::node
