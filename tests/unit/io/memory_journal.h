// A journal in memory for tests of the event loop: keeps what is appended, and calls it stored when the test says so.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <vector>

#include "node/io/journal.h"
#include "node/io/waker.h"
#include "schema/record_batch.h"

namespace sedge::node {

class MemoryJournal : public Journal {
  public:
    explicit MemoryJournal(Waker& waker) : waker_(waker) {}

    // --- For the test, on any thread ---
    // While held, nothing becomes durable and nothing is committed inline.
    void hold(bool held) {
        {
            const std::lock_guard lock(mutex_);
            held_ = held;
        }
        waker_.wake();
    }
    void set_room(JournalRoom room) {
        {
            const std::lock_guard lock(mutex_);
            room_ = room;
            room_changed_ = true;
        }
        waker_.wake();
    }
    void allow_inline(bool allowed) {
        const std::lock_guard lock(mutex_);
        inline_allowed_ = allowed;
    }
    std::size_t writes() const {
        const std::lock_guard lock(mutex_);
        return writes_;
    }
    std::size_t inline_commits() const {
        const std::lock_guard lock(mutex_);
        return inline_commits_;
    }
    std::size_t reads() const {
        const std::lock_guard lock(mutex_);
        return reads_;
    }
    bool wait_for_write(std::size_t count) {
        std::unique_lock lock(mutex_);
        return appended_signal_.wait_for(lock, std::chrono::seconds(30), [&] { return writes_ >= count; });
    }

    // --- Journal ---
    Status recover(const RecoverySink&) override { return {}; }
    void retain(const std::vector<ReleaseRecords>&) override {}
    void start() override {}
    void append(JournalWrite write) override {
        const std::lock_guard lock(mutex_);
        store(write);
        if (!held_) waker_.wake();
    }
    bool commit_inline(JournalWrite& write) override {
        const std::lock_guard lock(mutex_);
        if (!inline_allowed_ || held_) return false;
        store(write);
        reported_ = write.token;
        ++inline_commits_;
        return true;
    }
    void read(ReadEffect request) override {
        const std::lock_guard lock(mutex_);
        ++reads_;
        Completed::Read done{};
        if (const auto* records = std::get_if<ReadRecords>(&request)) {
            done.read_id = records->read_id;
            for (const auto& [base, batch] : batches_[records->partition])
                if (base < records->end && read_batch_header(batch.view())->end_offset() > records->offset) {
                    done.result.batches.push_back(batch);
                    break;
                }
        }
        finished_reads_.push_back(std::move(done));
        waker_.wake();
    }
    void release(const ReleaseRecords&) override {}
    Completed collect() override {
        const std::lock_guard lock(mutex_);
        Completed done;
        if (!held_ && reported_ < appended_) done.durable_to = reported_ = appended_;
        done.reads.swap(finished_reads_);
        done.room = room_;
        done.room_changed = std::exchange(room_changed_, false);
        return done;
    }
    std::vector<HealthProblem> problems() const override { return {}; }
    Statistics statistics() const override { return {}; }
    void close() override {}

  private:
    void store(const JournalWrite& write) {
        appended_ = write.token;
        ++writes_;
        for (const auto& entry : write.entries)
            if (entry.type == EntryType::batch) batches_[entry.partition].emplace(entry.base_offset, entry.payload);
        appended_signal_.notify_all();
    }

    Waker& waker_;
    mutable std::mutex mutex_;
    std::condition_variable appended_signal_;
    bool held_ = false;
    bool inline_allowed_ = true;
    bool room_changed_ = false;
    JournalRoom room_{true, false};
    WriteToken appended_, reported_;
    std::size_t writes_ = 0, inline_commits_ = 0, reads_ = 0;
    std::map<PartitionId, std::map<Offset, SharedBytes>> batches_;
    std::vector<Completed::Read> finished_reads_;
};

}  // namespace sedge::node
