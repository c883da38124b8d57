// The journal itself: the queue of writes and the thread that takes it, around the parts that do the work. See journal.h for what it promises.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "node/io/journal.h"
#include "node/io/journal_catalogue.h"
#include "node/io/journal_reader.h"
#include "node/io/journal_recovery.h"
#include "node/io/journal_writer.h"
#include "node/io/read_pool.h"
#include "node/io/segment_store.h"

namespace sedge::node {
namespace {

class LmdbJournal final : public Journal {
  public:
    explicit LmdbJournal(JournalOptions options)
        : options_(std::move(options)),
          catalogue_(options_.max_open_files, health_),
          store_(options_.directory, segment_file_bytes(options_.segment_bytes), options_.max_spare_segments, options_.wake),
          writer_(options_, catalogue_, store_, health_),
          recovery_(std::make_unique<JournalRecovery>(options_.directory, catalogue_, health_)),
          reader_(catalogue_, health_),
          reads_(reader_, options_.wake) {}

    ~LmdbJournal() override { close(); }

    Status open() {
        auto opened = recovery_->open();
        if (!opened.ok()) return opened.status();
        store_.adopt(opened->dead);
        store_.prepare_now();
        writer_.resume(std::move(opened->manifest), opened->next_id);
        return {};
    }

    Status recover(const RecoverySink& sink) override {
        Status status = recovery_->replay(writer_.manifest(), sink);
        recovery_.reset();
        if (writer_.manifest().keep_to != 0)
            health_.report(kKeptProblem, "journal",
                           "parts of the log could not be read at a start: older segments stay on the disk until each of their records has expired");
        return status;
    }

    void retain(const std::vector<ReleaseRecords>& live) override { catalogue_.retain(live, writer_.manifest().keep_to); }

    void start() override {
        started_ = true;
        room_ = store_.room();
        store_.start();
        writer_thread_ = std::thread([this] { run_writer(); });
        reads_.start(options_.read_threads);
    }

    void append(JournalWrite write) override {
        if (write.roll) {
            ++rolls_under_way_;
            room_.next_segment_ready = false;  // as the core knows
        }
        {
            const std::lock_guard lock(queue_mutex_);
            queue_.push_back(std::move(write));
        }
        queue_wake_.notify_one();
    }

    bool commit_inline(JournalWrite& write) override {
        if (write.roll || !write.sync) return false;
        const std::unique_lock commit_lock(commit_mutex_, std::try_to_lock);
        if (!commit_lock || !writer_.is_open()) return false;
        {
            const std::lock_guard lock(queue_mutex_);
            if (!queue_.empty() || writing_) return false;
        }
        writer_.commit(std::span(&write, 1));
        return true;
    }

    void read(ReadEffect request) override { reads_.add(std::move(request)); }

    void release(const ReleaseRecords& release) override {
        {
            const std::lock_guard lock(queue_mutex_);
            released_.push_back(release);
        }
        queue_wake_.notify_one();
    }

    Completed collect() override {
        Completed done;
        done.durable_to = WriteToken{durable_to_.exchange(0)};
        done.reads = reads_.collect();
        // While a roll is on its way, the segment that looks ready is the one that it will take.
        if (rolls_under_way_ == 0) {
            const JournalRoom room = store_.room();
            done.room_changed = room.next_segment_ready != room_.next_segment_ready || room.disk_full != room_.disk_full;
            room_ = room;
        }
        done.room = room_;
        done.problems_changed = health_.take_changed();
        return done;
    }

    std::vector<HealthProblem> problems() const override { return health_.problems(); }

    Statistics statistics() const override {
        const JournalWriter::Counts& counts = writer_.counts();
        Statistics out;
        out.commits = counts.commits;
        out.syncs = counts.syncs;
        out.bytes_stored = counts.bytes_stored;
        out.bytes_written = counts.bytes_written;
        out.sync_time_us = counts.sync_time_us;
        out.segments = catalogue_.segments();
        out.segment_bytes = out.segments * segment_file_bytes(options_.segment_bytes);
        out.cold_reads = reads_.count();
        return out;
    }

    void close() override {
        if (!started_) return;
        started_ = false;
        {
            const std::lock_guard lock(queue_mutex_);
            stopping_ = true;
        }
        queue_wake_.notify_all();
        writer_thread_.join();
        reads_.stop();
        store_.stop();
        const std::lock_guard lock(commit_mutex_);
        writer_.seal();
    }

  private:
    void run_writer() {
        std::unique_lock lock(queue_mutex_);
        for (;;) {
            wait_for_work(lock);
            if (queue_.empty() && stopping_) return;
            const std::vector<JournalWrite> group = take_group();
            const std::vector<ReleaseRecords> releases = std::exchange(released_, {});
            writing_ = true;
            lock.unlock();
            work(group, releases);
            lock.lock();
            writing_ = false;
        }
    }

    void wait_for_work(std::unique_lock<std::mutex>& lock) {
        const auto something = [this] { return !queue_.empty() || !released_.empty() || stopping_; };
        if (unsynced_)
            queue_wake_.wait_for(lock, lazy_sync_in_, something);
        else
            queue_wake_.wait(lock, something);
    }

    void work(const std::vector<JournalWrite>& group, const std::vector<ReleaseRecords>& releases) {
        const std::lock_guard commit_lock(commit_mutex_);
        const bool roll = !group.empty() && group.front().roll;
        if (roll) {
            writer_.roll();
            --rolls_under_way_;
        }
        if (!group.empty()) {
            writer_.commit(group);
            durable_to_ = group.back().token.value;
            options_.wake();
        }
        if (writer_.has_unsynced() && writer_.until_lazy_sync() == writer_.until_lazy_sync().zero()) writer_.sync();
        if (!releases.empty()) catalogue_.release(releases);
        if (roll || !releases.empty()) writer_.retire_dead_segments();
        unsynced_ = writer_.has_unsynced();
        lazy_sync_in_ = writer_.until_lazy_sync();
    }

    // What waits, up to max_commit_bytes; a roll begins a group of its own.
    std::vector<JournalWrite> take_group() {
        std::vector<JournalWrite> group;
        std::uint64_t bytes = 0;
        while (!queue_.empty()) {
            JournalWrite& next = queue_.front();
            const std::uint64_t size = stored_bytes(next);
            if (!group.empty() && (next.roll || bytes + size > options_.max_commit_bytes)) break;
            bytes += size;
            group.push_back(std::move(next));
            queue_.pop_front();
        }
        return group;
    }

    const JournalOptions options_;
    HealthBoard health_;
    JournalCatalogue catalogue_;
    SegmentStore store_;
    JournalWriter writer_;
    std::unique_ptr<JournalRecovery> recovery_;
    JournalReader reader_;
    ReadPool reads_;

    // Whoever uses writer_ holds it: the writer thread, or the event loop when nothing waits.
    std::mutex commit_mutex_;

    std::mutex queue_mutex_;
    std::condition_variable queue_wake_;
    std::deque<JournalWrite> queue_;
    std::vector<ReleaseRecords> released_;
    bool writing_ = false;
    bool stopping_ = false;
    std::thread writer_thread_;
    bool unsynced_ = false;  // the writer thread's own
    std::chrono::steady_clock::duration lazy_sync_in_{};

    std::atomic<std::uint64_t> durable_to_ = 0;
    std::atomic<int> rolls_under_way_ = 0;

    // The event loop's own.
    bool started_ = false;
    JournalRoom room_;
};

}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(JournalOptions options) {
    auto journal = std::make_unique<LmdbJournal>(std::move(options));
    if (Status status = journal->open(); !status.ok()) return status;
    return std::unique_ptr<Journal>(std::move(journal));
}

}  // namespace sedge::node
