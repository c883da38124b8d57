#include "node/io/journal_writer.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>

namespace sedge::node {
namespace {

using Clock = std::chrono::steady_clock;

// A value is closed at this many bytes.
constexpr std::uint64_t kValueBytes = 768u << 10;
constexpr auto kLazySyncAfter = std::chrono::seconds(1);

constexpr std::uint64_t kFileMarginBytes = 1u << 20;
constexpr std::uint64_t kFileMarginPart = 16;

std::uint64_t random_nonce() {
    std::random_device device;
    return (std::uint64_t{device()} << 32) | device() | 1;  // never 0, which means "any" to a scan
}

}  // namespace

std::uint64_t segment_file_bytes(std::uint64_t segment_bytes) { return segment_bytes + segment_bytes / kFileMarginPart + kFileMarginBytes; }

JournalWriter::JournalWriter(const JournalOptions& options, JournalCatalogue& catalogue, SegmentStore& store, HealthBoard& health)
    : options_(options), catalogue_(catalogue), store_(store), health_(health), file_bytes_(segment_file_bytes(options.segment_bytes)) {}

void JournalWriter::die(const Status& status) {
    options_.fatal(status.message);
    std::abort();  // fatal() does not return; nothing may be acknowledged after a failed commit
}

void JournalWriter::resume(Manifest manifest, std::uint64_t next_id) {
    manifest_ = std::move(manifest);
    next_id_ = next_id;
    for (const SegmentRecord& record : manifest_.segments)
        next_sequence_ = std::max({next_sequence_, record.first_sequence, record.last_sequence + 1});
    durable_to_ = next_sequence_ - 1;  // whatever was not is not part of the journal
}

// Large groups become several values of LMDB before their one sync: what is copied next stays in the processor's cache, and the disk
// works meanwhile.
void JournalWriter::commit(std::span<const JournalWrite> group) {
    const bool syncs = std::any_of(group.begin(), group.end(), [](const JournalWrite& write) { return write.sync || write.roll; });
    SegmentWriter::Commit done;
    while (!group.empty()) {
        std::uint64_t bytes = 0;
        std::size_t count = 0;
        while (count < group.size() && bytes < kValueBytes) bytes += stored_bytes(group[count++]);
        if (Status status = segment_->commit(next_sequence_, durable_to_, syncs, group.first(count), done); !status.ok()) die(status);
        ++next_sequence_;
        group = group.subspan(count);
    }
    if (!unsynced_) unsynced_since_ = Clock::now();
    unsynced_ = true;
    if (syncs) sync();
    catalogue_.add_batches(segment_->id(), done.batches);
    ++counts_.commits;
    counts_.bytes_stored += done.value_bytes;
    counts_.bytes_written += done.written_bytes;
}

Clock::duration JournalWriter::until_lazy_sync() const {
    return std::max<Clock::duration>(unsynced_since_ + kLazySyncAfter - Clock::now(), Clock::duration::zero());
}

void JournalWriter::sync() {
    if (!unsynced_) return;
    const auto begun = Clock::now();
    if (Status status = segment_->sync(); !status.ok()) die(status);
    unsynced_ = false;
    durable_to_ = next_sequence_ - 1;
    ++counts_.syncs;
    counts_.sync_time_us += static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begun).count());
    SegmentRecord& record = manifest_.segments.back();
    if (record.state == SegmentState::fresh) record.state = SegmentState::open;  // told to the disk with retire_dead_segments()
}

// --- Rolling ---

void JournalWriter::roll() {
    seal();
    const std::uint64_t id = next_id_++;
    const std::uint64_t nonce = random_nonce();
    if (!store_.take(segment_file_name(id))) die({ErrorCode::storage_failed, std::string("cannot name a new log segment: ") + std::strerror(errno)});
    manifest_.segments.push_back({id, nonce, SegmentState::fresh, next_sequence_, 0, 0});
    store_manifest();
    open_segment(id, nonce);
}

void JournalWriter::open_segment(std::uint64_t id, std::uint64_t nonce) {
    const std::string path = options_.directory + "/" + segment_file_name(id);
    auto writer = SegmentWriter::open(path, id, nonce, file_bytes_);
    if (!writer.ok()) die(writer.status());
    segment_ = std::move(*writer);
    catalogue_.add_segment(std::make_shared<Segment>(Segment{id, nonce, path, 0, nullptr, std::make_unique<SegmentIndexBuilder>()}));
}

void JournalWriter::seal() {
    if (segment_ == nullptr) return;
    sync();
    SegmentRecord& record = manifest_.segments.back();
    record.state = SegmentState::sealed;
    record.last_sequence = next_sequence_ - 1;
    record.used_bytes = segment_->end_of_pages();
    Buffer block = catalogue_.encode_index(record.id);
    segment_.reset();
    const std::string path = options_.directory + "/" + segment_file_name(record.id);
    const File file = File::open(path, O_RDWR);
    int error = file.is_open() ? file.write_at(record.used_bytes, block) : errno;
    // Every start seals a segment, so one that holds little must not keep a whole segment's blocks.
    if (error == 0) error = file.cut_unused(record.used_bytes + block.size());
    if (error == 0) error = file.sync();
    if (error != 0 && error != ENOSPC && error != EDQUOT)
        die({ErrorCode::storage_failed, std::string("cannot seal a log segment: ") + std::strerror(error)});
    auto index = error == 0 ? SegmentIndex::open(file, record.used_bytes, record.nonce) : nullptr;
    // No room for the index, or the disk gave back something else: it stays in memory, and the next start makes it again.
    if (!index) index = SegmentIndex::in_memory(std::move(block), record.nonce);
    catalogue_.seal(record.id, record.used_bytes, std::move(index));
    store_manifest();
}

void JournalWriter::store_manifest() {
    if (manifest_ == stored_) return;
    const std::string text = encode_manifest(manifest_);
    int error = replace_file(options_.directory, kManifestName, as_bytes(text));
    if ((error == ENOSPC || error == EDQUOT) && store_.give_up_reserve()) error = replace_file(options_.directory, kManifestName, as_bytes(text));
    if (error != 0) die({ErrorCode::storage_failed, std::string("cannot write the list of log segments: ") + std::strerror(error)});
    stored_ = manifest_;
}

void JournalWriter::retire_dead_segments() {
    if (!is_open()) return;  // until a newer checkpoint is on the disk, an old segment may hold the only one
    auto dead = catalogue_.take_dead();
    for (const auto& segment : dead)
        std::erase_if(manifest_.segments, [&](const SegmentRecord& record) { return record.id == segment->id; });
    forget_missing_segments();
    store_manifest();
    for (auto& segment : dead) {
        catalogue_.forget_file(segment->path);
        store_.retire(segment_file_name(segment->id), segment.use_count() > 1);
    }
}

// A missing segment is of no interest once everything that was stored before it is gone.
void JournalWriter::forget_missing_segments() {
    auto& segments = manifest_.segments;
    while (!segments.empty() && !catalogue_.contains(segments.front().id)) {
        health_.withdraw("missing_segment", segment_file_name(segments.front().id));
        segments.erase(segments.begin());
    }
    if (!segments.empty() && segments.front().id > manifest_.keep_to) {
        manifest_.keep_to = 0;
        health_.withdraw(kKeptProblem, "journal");
    }
}

}  // namespace sedge::node
