// The node's journal on LMDB (DESIGN 3): a series of segment files in one directory, one value per group commit.
//
// Threads: open() and recover() on one thread before anything else. Then append(), inline or by the writer thread; reads on the
// read pool; completions are collected by the event loop. Every method says where it may be called.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "node/core/effects.h"
#include "node/core/journal_write.h"
#include "schema/response.h"
#include "schema/status.h"

namespace sedge::node {

struct JournalOptions {
    std::string directory;                        // exists, owned by this process (locked by its caller)
    std::uint64_t segment_bytes = 256ull << 20;   // as BrokerOptions::segment_bytes
    std::size_t max_commit_bytes = 4u << 20;      // larger groups become several commits
    std::size_t read_threads = 1;
    std::size_t max_open_files = 64;              // sealed segments kept open for reads
    std::size_t max_spare_segments = 2;           // recycled files kept, the next segment included
    // Called on any thread when something is ready to be collected. Must be cheap and thread-safe.
    std::function<void()> wake;
    // Called on the thread that met it when a commit or sync failed; must not return (the process exits: DESIGN 3).
    std::function<void(const std::string& what)> fatal;
};

// What recovery hands to the core, in the order of the stream.
struct RecoverySink {
    std::function<Status(ByteView checkpoint)> checkpoint;
    // For batches `payload` is the batch's header only.
    std::function<Status(const JournalEntry& entry, ByteView payload)> entry;
    // Only where damage was met, behind all entries: the partition once held records up to `end`, although not all of them could be
    // read. Their offsets must not be given to other records. May be empty.
    std::function<void(const PartitionId& partition, Offset end)> lost = {};
};

class Journal {
  public:
    struct Completed {
        WriteToken durable_to;  // all writes up to it are stored as they asked for; 0: nothing new
        struct Read {
            std::uint64_t read_id;
            ReadResult result;
        };
        std::vector<Read> reads;
        JournalRoom room;
        bool room_changed = false;
        bool problems_changed = false;
    };

    // Opens the directory, or begins an empty journal in it. Verifies what was not closed cleanly before any of it is used.
    static Result<std::unique_ptr<Journal>> open(JournalOptions options);
    virtual ~Journal() = default;

    // Before start(): replays the newest checkpoint and what follows it.
    virtual Status recover(const RecoverySink& sink) = 0;
    // After recover(), before start(): the partitions that live, each with its log's start. What is not named is dead as a whole.
    virtual void retain(const std::vector<ReleaseRecords>& live) = 0;
    // Starts the writer thread and the read pool. The first write must roll.
    virtual void start() = 0;

    // Event loop only. Order is kept. Never blocks on the disk, except for commit_inline.
    virtual void append(JournalWrite write) = 0;
    // Event loop only. Commits on the calling thread if the writer has nothing to do: true, and `write` is stored as it asked for.
    // Otherwise false, nothing happened, and the caller uses append(). Saves two thread switches for one request at a time.
    virtual bool commit_inline(JournalWrite& write) = 0;
    virtual void read(ReadEffect request) = 0;
    virtual void release(const ReleaseRecords& release) = 0;
    // Event loop only: what happened since the last call.
    virtual Completed collect() = 0;

    // Any thread.
    virtual std::vector<HealthProblem> problems() const = 0;
    struct Statistics {
        std::uint64_t commits = 0, syncs = 0, bytes_stored = 0, bytes_written = 0;
        std::uint64_t segments = 0, segment_bytes = 0, sync_time_us = 0, cold_reads = 0;
    };
    virtual Statistics statistics() const = 0;

    // Completes what was appended, seals, marks the journal as closed cleanly, ends the threads.
    virtual void close() = 0;
};

}  // namespace sedge::node
