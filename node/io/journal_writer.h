// Writes the journal's stream: group commits into the open segment, rolls, seals, and the list of segments. One thread at a time.
//
// Order that a crash at any point may rely on: a file is listed before anything in it is promised; a value is promised after its sync;
// a segment is sealed after its index is synced; a dead segment is unlisted before its file goes.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>

#include "node/io/health_board.h"
#include "node/io/journal.h"
#include "node/io/journal_catalogue.h"
#include "node/io/manifest.h"
#include "node/io/segment_store.h"
#include "node/io/segment_writer.h"

namespace sedge::node {

class JournalWriter {
  public:
    JournalWriter(const JournalOptions& options, JournalCatalogue& catalogue, SegmentStore& store, HealthBoard& health);

    // Where an earlier process ended. `next_id`: of the first segment to come.
    void resume(Manifest manifest, std::uint64_t next_id);
    Manifest& manifest() { return manifest_; }

    // True once a segment is open: before that the first write must roll.
    bool is_open() const { return segment_ != nullptr; }
    // Begins a new segment. Its first commit, the checkpoint, is synced in any case.
    void roll();
    // Stores the writes as they asked for; they are in the catalogue then.
    void commit(std::span<const JournalWrite> group);
    bool has_unsynced() const { return unsynced_; }
    // Commits that nobody waits for are on the disk some time later at the latest. Time from now on until that has to be done.
    std::chrono::steady_clock::duration until_lazy_sync() const;
    void sync();
    // Gives up the segments in which nothing is alive.
    void retire_dead_segments();
    // Syncs and seals the open segment, if there is one.
    void seal();

    // Any thread.
    struct Counts {
        std::atomic<std::uint64_t> commits = 0, syncs = 0, bytes_stored = 0, bytes_written = 0, sync_time_us = 0;
    };
    const Counts& counts() const { return counts_; }

  private:
    void open_segment(std::uint64_t id, std::uint64_t nonce);
    void forget_missing_segments();
    void store_manifest();
    [[noreturn]] void die(const Status& status);

    const JournalOptions& options_;
    JournalCatalogue& catalogue_;
    SegmentStore& store_;
    HealthBoard& health_;
    const std::uint64_t file_bytes_;

    Manifest manifest_;
    Manifest stored_;  // as the disk has it
    std::uint64_t next_id_ = 1;
    std::uint64_t next_sequence_ = 1;
    std::uint64_t durable_to_ = 0;
    std::unique_ptr<SegmentWriter> segment_;
    bool unsynced_ = false;
    std::chrono::steady_clock::time_point unsynced_since_;
    Counts counts_;
};

// The problem of a journal that keeps segments because a start could not read all of it.
inline constexpr const char* kKeptProblem = "kept_segments";

// The size of a segment's file: what the core counts, and a margin for LMDB's own pages and for the index of a usual segment.
std::uint64_t segment_file_bytes(std::uint64_t segment_bytes);

}  // namespace sedge::node
