#include "tests/sim/sim_journal.h"

#include <algorithm>
#include <limits>

#include "schema/record_batch.h"
#include "tests/sim/violation.h"

namespace sedge::sim {
namespace {

constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kSlowFactor = 100;
constexpr std::uint64_t kRoomCheckUs = 20'000;  // how often a full disk is asked again

}  // namespace

SimJournal::SimJournal(SimDisk& disk, const Settings& settings, Random random, std::uint64_t now_us, JournalBugs bugs)
    : disk_(disk), settings_(settings), random_(random), bugs_(bugs), now_us_(now_us) {
    disk_.verify_and_sync(bugs_.keep_torn_write);
}

std::uint64_t SimJournal::around(std::uint64_t usual_us) { return 1 + random_.between(usual_us / 2, usual_us * 2); }

Status SimJournal::recover(const node::RecoverySink& sink) {
    const auto* writes = disk_.newest_segment();
    if (writes == nullptr) return {};
    for (const StoredWrite& write : *writes) {
        for (const StoredEntry& entry : write.entries) {
            const ByteView payload(entry.payload);
            Status status;
            if (entry.type == node::EntryType::checkpoint) {
                status = sink.checkpoint(payload);
            } else {
                const bool batch = entry.type == node::EntryType::batch;
                const node::JournalEntry restored{entry.type, entry.partition, entry.base_offset, {}};
                status = sink.entry(restored, batch ? payload.first(kBatchHeaderBytes) : payload);
            }
            if (!status.ok()) return status;
        }
    }
    return {};
}

void SimJournal::start() {
    started_ = true;
    if (!disk_.has_spare() && disk_.can_make_spare()) disk_.make_spare();
    room_ = {disk_.has_spare(), !disk_.has_spare()};
    room_changed_ = true;
    room_due_us_ = now_us_ + kRoomCheckUs;
}

// The core's side of the contract.
void SimJournal::take(const node::JournalWrite& write) {
    require(started_, "a write before the journal was started");
    require(write.token.value == last_token_ + 1, "write tokens have a gap");
    last_token_ = write.token.value;
    require(!write.entries.empty(), "an empty write");
    require(write.roll == (write.entries[0].type == node::EntryType::checkpoint), "a roll and its checkpoint belong together");
    require(rolled_ || write.roll, "the first write of a start does not begin a segment");
    rolled_ = true;
    if (write.roll) {
        require(room_.next_segment_ready, "the core begins a segment although none is ready");
        room_.next_segment_ready = false;
        room_due_us_ = now_us_ + around(settings_.sync_us * 2);
        segment_used_ = 0;
    }
    segment_used_ += node::journal_cost(write);
    require(segment_used_ <= disk_.segment_bytes(), "the core writes more into a segment than it holds");
}

void SimJournal::append(node::JournalWrite write) {
    if (failed_) return;
    take(write);
    queue_.push_back(std::move(write));
    if (phase_ == Phase::idle) begin_commit(now_us_);
}

bool SimJournal::commit_inline(node::JournalWrite& write) {
    if (failed_ || !is_idle() || write.roll) return false;
    take(write);
    group_.push_back(std::move(write));
    finish_writing();
    if (phase_ == Phase::syncing) finish_sync();
    if (failed_) return false;
    reported_to_ = durable_to_;  // the caller knows by the answer
    return true;
}

void SimJournal::begin_commit(std::uint64_t now_us) {
    std::uint64_t bytes = 0;
    while (!queue_.empty()) {
        const std::uint64_t cost = node::journal_cost(queue_.front());
        if (!group_.empty() && (bytes + cost > settings_.max_commit_bytes || queue_.front().roll)) break;
        bytes += cost;
        group_.push_back(std::move(queue_.front()));
        queue_.pop_front();
    }
    if (group_.empty()) return;
    phase_ = Phase::writing;
    phase_ends_us_ = now_us + around(settings_.write_us) * (random_.one_in(settings_.slow_commit) ? kSlowFactor : 1);
}

void SimJournal::finish_writing() {
    bool sync = false;
    for (const node::JournalWrite& write : group_) {
        if (write.roll) disk_.roll();
        disk_.write(write);
        statistics_.bytes_stored += node::journal_cost(write);
        sync = sync || write.sync;
        if (!sync) durable_to_ = write.token;
    }
    ++statistics_.commits;
    if (sync) {
        phase_ = Phase::syncing;
        phase_ends_us_ += around(settings_.sync_us) * (random_.one_in(settings_.slow_commit) ? kSlowFactor : 1);
        return;
    }
    group_.clear();
    phase_ = Phase::idle;
}

void SimJournal::finish_sync() {
    if (random_.one_in(settings_.failed_sync)) {
        // The kernel may have written some of it, may drop the rest and may call the next sync a success: when the process has
        // ended, its owner does to the disk what a power cut does.
        failed_ = true;
        return;
    }
    disk_.sync();
    ++statistics_.syncs;
    durable_to_ = group_.back().token;
    group_.clear();
    phase_ = Phase::idle;
}

void SimJournal::read(node::ReadEffect request) {
    reads_.push_back({now_us_ + around(settings_.read_us), std::move(request)});
}

void SimJournal::release(const node::ReleaseRecords& release) { disk_.release(release.partition, release.below); }

node::ReadResult SimJournal::damaged(PartitionId partition, const SimDisk::Place& place) {
    node::ReadResult result;
    result.outcome = node::ReadResult::Outcome::damaged;
    result.next_offset = place.end;
    const std::string subject = to_string(partition.topic) + "/" + std::to_string(partition.partition.value);
    problems_.push_back({"quarantine", subject, "offsets up to " + std::to_string(place.end.value) + " are damaged"});
    problems_changed_ = true;
    return result;
}

node::ReadResult SimJournal::perform(const node::ReadRecords& request) {
    constexpr std::size_t kMostBatches = 64;
    node::ReadResult result;
    std::size_t bytes = 0;
    for (const auto& place : disk_.batches_from(request.partition, request.offset, request.end, kMostBatches)) {
        const ByteView batch(place.entry->payload);
        if (!result.batches.empty() && bytes + batch.size() > request.max_bytes) break;
        if (!bugs_.skip_checksum && !check_appended_batch(batch).ok()) {
            if (result.batches.empty()) return damaged(request.partition, place);
            break;
        }
        bytes += batch.size();
        result.batches.push_back(SharedBytes::copy_of(batch));
    }
    return result;
}

node::ReadResult SimJournal::perform(const node::FindTime& request) {
    node::ReadResult result;
    result.offset = request.end;
    for (const auto& place : disk_.batches_from(request.partition, request.start, request.end, std::size_t{1} << 20)) {
        const ByteView batch(place.entry->payload);
        if (!check_appended_batch(batch).ok()) continue;
        bool found = false;
        (void)for_each_record(batch, [&](Offset offset, const RecordView& record) {
            found = record.timestamp_ms >= request.timestamp_ms && offset >= request.start && offset < request.end;
            if (found) result.offset = offset;
            return !found;
        });
        if (found) break;
    }
    return result;
}

void SimJournal::check_room(std::uint64_t now_us) {
    if (!started_ || room_.next_segment_ready || now_us < room_due_us_) return;
    room_due_us_ = now_us + kRoomCheckUs;
    const bool was_full = room_.disk_full;
    // A spare that a roll in the queue will take does not count.
    const bool promised = std::any_of(queue_.begin(), queue_.end(), [](const auto& write) { return write.roll; }) ||
                          (phase_ == Phase::writing && group_.front().roll);
    if (promised) return;
    if (!disk_.has_spare() && disk_.can_make_spare()) disk_.make_spare();
    room_ = {disk_.has_spare(), !disk_.has_spare()};
    room_changed_ = room_changed_ || room_.next_segment_ready || room_.disk_full != was_full;
}

void SimJournal::run_until(std::uint64_t now_us) {
    now_us_ = std::max(now_us_, now_us);
    while (!failed_ && phase_ != Phase::idle && phase_ends_us_ <= now_us) {
        const std::uint64_t at = phase_ends_us_;
        if (phase_ == Phase::writing)
            finish_writing();
        else
            finish_sync();
        if (!failed_ && phase_ == Phase::idle) begin_commit(at);
    }
    if (failed_) return;
    check_room(now_us);
    for (std::size_t i = 0; i < reads_.size();) {
        if (reads_[i].due_us > now_us) {
            ++i;
            continue;
        }
        const node::ReadEffect request = std::move(reads_[i].request);
        reads_.erase(reads_.begin() + static_cast<std::ptrdiff_t>(i));
        ++statistics_.cold_reads;
        const std::uint64_t id = std::visit([](const auto& wanted) { return wanted.read_id; }, request);
        if (random_.one_in(settings_.failed_read)) {
            finished_reads_.push_back({id, {node::ReadResult::Outcome::failed, {}, {}, {}}});
            continue;
        }
        finished_reads_.push_back({id, std::visit([this](const auto& wanted) { return perform(wanted); }, request)});
    }
}

std::uint64_t SimJournal::next_due_us() const {
    if (failed_) return kNever;
    std::uint64_t due = phase_ == Phase::idle ? kNever : phase_ends_us_;
    if (started_ && !room_.next_segment_ready) due = std::min(due, room_due_us_);
    for (const PendingRead& read : reads_) due = std::min(due, read.due_us);
    return due;
}

node::Journal::Completed SimJournal::collect() {
    Completed completed;
    if (durable_to_ > reported_to_) completed.durable_to = reported_to_ = durable_to_;
    completed.reads = std::move(finished_reads_);
    finished_reads_.clear();
    completed.room = room_;
    completed.room_changed = std::exchange(room_changed_, false);
    completed.problems_changed = std::exchange(problems_changed_, false);
    return completed;
}

std::vector<HealthProblem> SimJournal::problems() const { return problems_; }

void SimJournal::close() {
    while (!failed_ && !is_idle()) run_until(phase_ends_us_);
    if (!failed_) disk_.sync();
}

}  // namespace sedge::sim
