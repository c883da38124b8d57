// The journal of one process's life on a SimDisk. Keeps the contract of node/io/journal.h; all that takes time on a real disk
// takes virtual time here, which the simulation moves with run_until().
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "node/io/journal.h"
#include "tests/sim/random.h"
#include "tests/sim/settings.h"
#include "tests/sim/sim_disk.h"

namespace sedge::sim {

// Errors of our own making in the journal, to prove that the checks see them. See planted_bugs.h.
struct JournalBugs {
    bool keep_torn_write = false;
    bool skip_checksum = false;
};

class SimJournal : public node::Journal {
  public:
    // Verifies what an earlier life left. `now_us` is where virtual time stands.
    SimJournal(SimDisk& disk, const Settings& settings, Random random, std::uint64_t now_us, JournalBugs bugs = {});

    Status recover(const node::RecoverySink& sink) override;
    void retain(const std::vector<node::ReleaseRecords>& live) override { disk_.retain(live); }
    void start() override;
    void append(node::JournalWrite write) override;
    bool commit_inline(node::JournalWrite& write) override;
    void read(node::ReadEffect request) override;
    void release(const node::ReleaseRecords& release) override;
    Completed collect() override;
    std::vector<HealthProblem> problems() const override;
    Statistics statistics() const override { return statistics_; }
    void close() override;

    // Everything that is due up to then happens.
    void run_until(std::uint64_t now_us);
    // When the next thing happens; UINT64_MAX: nothing will.
    std::uint64_t next_due_us() const;
    // A sync has failed: the process must exit. Nothing happens here any more.
    bool failed() const { return failed_; }
    bool reads_pending() const { return !reads_.empty(); }
    // True when all that was appended is stored.
    bool is_idle() const { return queue_.empty() && phase_ == Phase::idle; }

  private:
    enum class Phase : std::uint8_t { idle, writing, syncing };
    struct PendingRead {
        std::uint64_t due_us;
        node::ReadEffect request;
    };
    void take(const node::JournalWrite& write);
    void begin_commit(std::uint64_t now_us);
    void finish_writing();
    void finish_sync();
    void check_room(std::uint64_t now_us);
    node::ReadResult perform(const node::ReadRecords& request);
    node::ReadResult perform(const node::FindTime& request);
    node::ReadResult damaged(PartitionId partition, const SimDisk::Place& place);
    std::uint64_t around(std::uint64_t usual_us);

    SimDisk& disk_;
    const Settings& settings_;
    Random random_;
    const JournalBugs bugs_;
    std::uint64_t now_us_;
    bool started_ = false;
    bool rolled_ = false;
    bool failed_ = false;

    std::deque<node::JournalWrite> queue_;   // not yet begun
    std::vector<node::JournalWrite> group_;  // the commit under way
    Phase phase_ = Phase::idle;
    std::uint64_t phase_ends_us_ = 0;
    std::uint64_t last_token_ = 0;
    node::WriteToken durable_to_, reported_to_;
    std::uint64_t segment_used_ = 0;  // counted at append, as the core does

    node::JournalRoom room_;
    bool room_changed_ = false;
    std::uint64_t room_due_us_ = 0;
    std::vector<PendingRead> reads_;
    std::vector<Completed::Read> finished_reads_;
    std::vector<HealthProblem> problems_;
    bool problems_changed_ = false;
    Statistics statistics_;
};

}  // namespace sedge::sim
