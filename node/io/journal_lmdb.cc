// The journal itself: one writer at a time, group commits, rolls, and the read pool. See journal.h for what it promises.
#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <random>
#include <thread>

#include "node/io/file.h"
#include "node/io/journal.h"
#include "node/io/journal_catalogue.h"
#include "node/io/journal_reader.h"
#include "node/io/journal_recovery.h"
#include "node/io/segment_store.h"
#include "node/io/segment_writer.h"

namespace sedge::node {
namespace {

// Commits that nobody waits for (durability=os) are on the disk after this time at the latest.
constexpr auto kLazySyncAfter = std::chrono::seconds(1);

// What a segment file holds beside what the core counts: LMDB's meta pages, tree pages that grow, the index block of a usual segment.
constexpr std::uint64_t kFileMarginBytes = 1u << 20;

std::uint64_t file_size(std::uint64_t segment_bytes) { return segment_bytes + segment_bytes / 16 + kFileMarginBytes; }

std::uint64_t random_nonce() {
    std::random_device device;
    return (std::uint64_t{device()} << 32) | device() | 1;  // never 0, which means "any" to a scan
}

class LmdbJournal final : public Journal {
  public:
    explicit LmdbJournal(JournalOptions options)
        : options_(std::move(options)),
          store_(options_.directory, file_size(options_.segment_bytes), options_.max_spare_segments, [this] { room_changed(); }),
          recovery_(std::make_unique<JournalRecovery>(options_.directory, catalogue_)),
          reader_(catalogue_) {}

    ~LmdbJournal() override { close(); }

    Status open() {
        auto manifest = recovery_->open();
        if (!manifest.ok()) return manifest.status();
        manifest_ = std::move(*manifest);
        std::vector<std::string> names;
        for (const SegmentRecord& record : manifest_.segments) {
            names.push_back(segment_file_name(record.id));
            next_sequence_ = std::max(next_sequence_, record.last_sequence + 1);
        }
        store_.adopt(names);
        store_.prepare_now();
        return {};
    }

    Status recover(const RecoverySink& sink) override {
        Status status = recovery_->replay(manifest_, sink);
        recovery_.reset();
        return status;
    }

    void retain(const std::vector<ReleaseRecords>& live) override { catalogue_.retain(live); }

    void start() override {
        started_ = true;
        room_ = store_.room();
        store_.start();
        writer_thread_ = std::thread([this] { run_writer(); });
        for (std::size_t i = 0; i < options_.read_threads; ++i) read_threads_.emplace_back([this] { run_reads(); });
    }

    void append(JournalWrite write) override {
        if (write.roll) {
            const std::lock_guard done_lock(done_mutex_);
            ++rolls_under_way_;
            room_.next_segment_ready = false;  // as the core knows
        }
        const std::lock_guard lock(queue_mutex_);
        queue_.push_back(std::move(write));
        queue_wake_.notify_one();
    }

    bool commit_inline(JournalWrite& write) override {
        if (write.roll || !write.sync) return false;
        const std::unique_lock commit_lock(commit_mutex_, std::try_to_lock);
        if (!commit_lock) return false;
        {
            const std::lock_guard lock(queue_mutex_);
            if (!queue_.empty() || writing_) return false;
        }
        if (writer_ == nullptr) return false;
        commit_group(std::span(&write, 1));
        return true;
    }

    void read(ReadEffect request) override {
        const std::lock_guard lock(reads_mutex_);
        reads_.push_back(std::move(request));
        reads_wake_.notify_one();
    }

    void release(const ReleaseRecords& release) override {
        catalogue_.release(release);
        const std::lock_guard lock(queue_mutex_);
        released_ = true;
        queue_wake_.notify_one();
    }

    Completed collect() override {
        Completed done;
        const std::lock_guard lock(done_mutex_);
        // While a roll is on its way, the segment that looks ready is the one that it will take.
        if (const JournalRoom room = store_.room(); rolls_under_way_ == 0) {
            done.room_changed = room.next_segment_ready != room_.next_segment_ready || room.disk_full != room_.disk_full;
            room_ = room;
        }
        done.room = room_;
        done.durable_to = std::exchange(durable_to_, WriteToken{});
        done.reads = std::exchange(reads_done_, {});
        done.problems_changed = catalogue_.take_problems_changed();
        return done;
    }

    std::vector<HealthProblem> problems() const override { return catalogue_.problems(); }

    Statistics statistics() const override {
        const std::lock_guard lock(done_mutex_);
        Statistics copy = statistics_;
        copy.segments = catalogue_.segments();
        copy.segment_bytes = copy.segments * file_size(options_.segment_bytes);
        return copy;
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
        {
            const std::lock_guard lock(reads_mutex_);
            reads_stopping_ = true;
        }
        reads_wake_.notify_all();
        for (std::thread& thread : read_threads_) thread.join();
        read_threads_.clear();
        store_.stop();
        const std::lock_guard lock(commit_mutex_);
        if (writer_ != nullptr) seal();
    }

  private:
    // --- The writer thread ---

    void run_writer() {
        std::unique_lock lock(queue_mutex_);
        for (;;) {
            const auto something = [this] { return !queue_.empty() || released_ || stopping_; };
            if (unsynced_)
                queue_wake_.wait_for(lock, kLazySyncAfter, something);
            else
                queue_wake_.wait(lock, something);
            if (queue_.empty() && stopping_) return;
            std::vector<JournalWrite> group = take_group();
            writing_ = true;
            const bool recycle = std::exchange(released_, false);
            lock.unlock();
            {
                const std::lock_guard commit_lock(commit_mutex_);
                if (!group.empty())
                    write_group(group);
                else if (unsynced_)
                    sync_or_die();
                if (recycle || rolled_) retire_dead_segments();
            }
            group.clear();
            lock.lock();
            writing_ = false;
        }
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

    void write_group(std::span<JournalWrite> group) {
        if (group.front().roll) roll();
        commit_group(group);
        const WriteToken last = group.back().token;
        const std::lock_guard lock(done_mutex_);
        durable_to_ = std::max(durable_to_, last);
        options_.wake();
    }

    void commit_group(std::span<JournalWrite> group) {
        SegmentWriter::Commit done;
        if (Status status = writer_->commit(next_sequence_, group, done); !status.ok()) die(status);
        ++next_sequence_;
        unsynced_ = true;
        const bool wants_sync = std::any_of(group.begin(), group.end(), [](const JournalWrite& write) { return write.sync; });
        if (wants_sync) sync_or_die();
        catalogue_.add_batches(writer_->id(), done.batches);
        if (new_segment_pending_) finish_roll();
        const std::lock_guard lock(done_mutex_);
        ++statistics_.commits;
        statistics_.bytes_stored += done.value_bytes;
        statistics_.bytes_written = statistics_.bytes_stored + prewritten_before_ + writer_->prewritten_bytes();
    }

    void sync_or_die() {
        const auto begun = std::chrono::steady_clock::now();
        if (Status status = writer_->sync(); !status.ok()) die(status);
        unsynced_ = false;
        const auto took = std::chrono::steady_clock::now() - begun;
        const std::lock_guard lock(done_mutex_);
        ++statistics_.syncs;
        statistics_.sync_time_us += static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(took).count());
    }

    [[noreturn]] void die(const Status& status) {
        options_.fatal(status.message);
        std::abort();  // fatal() does not return; nothing may be acknowledged after a failed commit
    }

    // --- Rolling ---

    // Seals the present segment and takes the prepared file as the next one. It is listed before anything in it is acknowledged.
    void roll() {
        if (writer_ != nullptr) seal();
        const std::uint64_t id = manifest_.segments.empty() ? 1 : manifest_.segments.back().id + 1;
        const std::uint64_t nonce = random_nonce();
        const std::string path = options_.directory + "/" + segment_file_name(id);
        const auto prepared = store_.take(segment_file_name(id));
        if (!prepared) die({ErrorCode::storage_failed, "cannot name a new log segment"});
        {
            const std::lock_guard lock(done_mutex_);
            --rolls_under_way_;
        }
        manifest_.segments.push_back({id, nonce, false, next_sequence_, 0, 0});
        store_manifest();
        auto writer = SegmentWriter::open(path, id, nonce, file_size(options_.segment_bytes), prepared->blocks_are_written);
        if (!writer.ok()) die(writer.status());
        writer_ = std::move(*writer);
        auto segment = std::make_shared<Segment>();
        segment->id = id;
        segment->file = File::open(path, O_RDONLY);
        if (!segment->file.is_open()) die({ErrorCode::storage_failed, "cannot open a new log segment for reading"});
        new_segment_ = segment;
        catalogue_.add_segment(std::move(segment));
        new_segment_pending_ = true;
    }

    // The first commit of the new segment, its checkpoint, is durable.
    void finish_roll() {
        new_segment_pending_ = false;
        new_segment_.reset();
        rolled_ = true;
    }

    void seal() {
        if (unsynced_) sync_or_die();
        SegmentRecord& record = manifest_.segments.back();
        record.sealed = true;
        record.last_sequence = next_sequence_ - 1;
        record.used_bytes = writer_->end_of_pages();
        const Buffer block = catalogue_.encode_index(record.id);
        const std::string path = options_.directory + "/" + segment_file_name(record.id);
        prewritten_before_ += writer_->prewritten_bytes();
        writer_.reset();
        const File file = File::open(path, O_RDWR);
        int error = file.is_open() ? file.write_at(record.used_bytes, block) : errno;
        if (error == 0) error = file.sync();
        if (error == ENOSPC) return store_manifest();  // the index is made again at the next start
        if (error != 0) die({ErrorCode::storage_failed, "cannot seal a log segment"});
        if (auto index = SegmentIndex::open(file, record.used_bytes)) catalogue_.seal(record.id, std::move(*index));
        store_manifest();
    }

    void store_manifest() {
        if (replace_file(options_.directory, kManifestName, as_bytes(encode_manifest(manifest_))) != 0)
            die({ErrorCode::storage_failed, "cannot write the list of log segments"});
    }

    void retire_dead_segments() {
        rolled_ = false;
        auto dead = catalogue_.take_dead();
        if (dead.empty()) return;
        for (const auto& segment : dead)
            std::erase_if(manifest_.segments, [&](const SegmentRecord& record) { return record.id == segment->id; });
        store_manifest();
        for (auto& segment : dead) store_.retire(segment_file_name(segment->id), segment.use_count() > 1);
    }

    // --- The read pool ---

    void run_reads() {
        std::unique_lock lock(reads_mutex_);
        for (;;) {
            reads_wake_.wait(lock, [this] { return !reads_.empty() || reads_stopping_; });
            if (reads_stopping_) return;
            const ReadEffect request = std::move(reads_.front());
            reads_.pop_front();
            lock.unlock();
            Completed::Read done = std::visit([this](const auto& each) { return serve(each); }, request);
            {
                const std::lock_guard done_lock(done_mutex_);
                ++statistics_.cold_reads;
                reads_done_.push_back(std::move(done));
            }
            options_.wake();
            lock.lock();
        }
    }

    Completed::Read serve(const ReadRecords& request) { return {request.read_id, reader_.read(request)}; }
    Completed::Read serve(const FindTime& request) { return {request.read_id, reader_.find(request)}; }

    void room_changed() { options_.wake(); }

    const JournalOptions options_;
    JournalCatalogue catalogue_;
    SegmentStore store_;
    std::unique_ptr<JournalRecovery> recovery_;
    JournalReader reader_;
    bool started_ = false;

    // Whoever writes holds commit_mutex_: the writer thread, or the event loop when nothing waits.
    std::mutex commit_mutex_;
    Manifest manifest_;
    std::unique_ptr<SegmentWriter> writer_;
    std::shared_ptr<Segment> new_segment_;
    bool new_segment_pending_ = false;
    bool rolled_ = false;
    std::uint64_t next_sequence_ = 1;
    std::uint64_t prewritten_before_ = 0;
    std::atomic<bool> unsynced_ = false;

    std::mutex queue_mutex_;
    std::condition_variable queue_wake_;
    std::deque<JournalWrite> queue_;
    bool writing_ = false;
    bool released_ = false;
    bool stopping_ = false;
    std::thread writer_thread_;

    std::mutex reads_mutex_;
    std::condition_variable reads_wake_;
    std::deque<ReadEffect> reads_;
    bool reads_stopping_ = false;
    std::vector<std::thread> read_threads_;

    mutable std::mutex done_mutex_;
    WriteToken durable_to_;
    std::vector<Completed::Read> reads_done_;
    Statistics statistics_;
    int rolls_under_way_ = 0;

    JournalRoom room_;  // as the event loop knows it
};

}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(JournalOptions options) {
    auto journal = std::make_unique<LmdbJournal>(std::move(options));
    if (Status status = journal->open(); !status.ok()) return status;
    return std::unique_ptr<Journal>(std::move(journal));
}

}  // namespace sedge::node
