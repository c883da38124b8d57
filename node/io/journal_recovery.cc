#include "node/io/journal_recovery.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "node/io/segment_rebuild.h"
#include "node/io/segment_writer.h"

namespace sedge::node {
namespace {

Status disk_error(const std::string& what, int error) {
    return {ErrorCode::storage_failed, what + ": " + std::strerror(error)};
}

std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) { return (value + unit - 1) / unit * unit; }

// Up to which sequence everything was safely on the disk when the process stopped.
std::uint64_t durable_to(const std::vector<ScannedValue>& values) {
    std::uint64_t newest = 0;
    for (const ScannedValue& value : values) newest = std::max(newest, value.header.durable_to);
    return newest;
}

constexpr const char* kKeptAdvice = "; the file is kept: remove it when nothing in it is wanted any more";

// Drops what a crash tore: behind what was durable, everything from the first value on that is missing or not whole.
void drop_torn_tail(const File& file, std::vector<ScannedValue>& values) {
    const std::uint64_t durable = durable_to(values);
    std::uint64_t expected = durable + 1;
    for (auto value = values.begin(); value != values.end(); ++value) {
        if (value->header.sequence <= durable) continue;
        // After a failed sync the system's cache shows what the disk does not hold.
        file.drop_cached_pages(value->position, value->header.size_bytes);
        if (value->header.sequence != expected++ || !value_is_intact(file, *value)) {
            values.erase(value, values.end());
            return;
        }
    }
}

}  // namespace

// --- Which segments there are ---

Result<Manifest> JournalRecovery::read_manifest(bool& is_trusted) {
    is_trusted = false;
    const std::string path = directory_ + "/" + kManifestName;
    const File file = File::open(path, O_RDONLY);
    if (!file.is_open() && errno != ENOENT) return disk_error("cannot open " + path, errno);
    if (!file.is_open()) return Manifest{};
    Buffer bytes(static_cast<std::size_t>(file.size_bytes()));
    if (file.read_at(0, bytes) == static_cast<std::int64_t>(bytes.size())) {
        auto manifest = decode_manifest(as_text(bytes));
        is_trusted = manifest.ok();
        if (is_trusted) return manifest;
    }
    return Manifest{};
}

// Each value names its segment, so the files tell their own story when the list is lost, or older than they are.
JournalRecovery::Found JournalRecovery::list_from_file(const std::string& name, std::uint64_t id, Manifest& manifest) {
    const File file = File::open(directory_ + "/" + name, O_RDONLY);
    if (!file.is_open()) return Found::unknown;
    const ScanResult scan = scan_segment(file, lmdb_page_bytes(), id, 0);
    if (scan.values.empty()) return scan.unreadable_bytes > 0 ? Found::unknown : Found::nothing;
    const ValueHeader& first = scan.values.front().header;
    manifest.segments.push_back({id, first.segment_nonce, SegmentState::open, first.sequence, 0, 0});
    return Found::values;
}

void JournalRecovery::list_unknown_files(bool manifest_is_trusted, Opened& opened) {
    auto& segments = opened.manifest.segments;
    const std::uint64_t newest_listed = segments.empty() ? 0 : segments.back().id;
    const std::size_t listed = segments.size();
    opened.next_id = newest_listed + 1;
    for (const std::string& name : names_in(directory_)) {
        const auto id = segment_id_of(name);
        if (!id) continue;
        opened.next_id = std::max(opened.next_id, *id + 1);
        const auto known = std::lower_bound(segments.begin(), segments.begin() + static_cast<std::ptrdiff_t>(listed), *id,
                                            [](const SegmentRecord& record, std::uint64_t wanted) { return record.id < wanted; });
        if (known != segments.end() && known->id == *id) continue;
        // A good list names every segment that anybody was promised something in, and drops one before its file goes.
        const bool given_up = manifest_is_trusted && *id < newest_listed;
        const Found found = given_up ? Found::nothing : list_from_file(name, *id, opened.manifest);
        if (manifest_is_trusted && found == Found::nothing) opened.dead.push_back(name);
        if (manifest_is_trusted && found == Found::values)
            health_.report("manifest", name, "the list of log segments was older than this segment, which was added to it");
    }
    if (manifest_is_trusted || segments.empty()) return;
    health_.report("manifest", kManifestName, "the list of log segments was damaged and has been made again from the files themselves");
}

Result<JournalRecovery::Opened> JournalRecovery::open() {
    Opened opened;
    bool is_trusted = false;
    auto manifest = read_manifest(is_trusted);
    if (!manifest.ok()) return manifest.status();
    opened.manifest = std::move(*manifest);
    const Manifest before = opened.manifest;
    list_unknown_files(is_trusted, opened);
    bool changed = opened.manifest != before;
    for (SegmentRecord& record : opened.manifest.segments)
        if (Status status = open_segment(record, changed); !status.ok()) return status;
    changed = keep_damaged(opened.manifest) || changed;
    if (changed)
        if (const int error = replace_file(directory_, kManifestName, as_bytes(encode_manifest(opened.manifest))); error != 0 && error != ENOSPC)
            return disk_error("cannot write the list of segments", error);  // on a full disk the next start does the same again
    return opened;
}

// --- Opening one ---

Status JournalRecovery::open_segment(SegmentRecord& record, bool& changed) {
    const std::string name = segment_file_name(record.id);
    auto segment = std::make_shared<Segment>(Segment{record.id, record.nonce, directory_ + "/" + name, record.used_bytes, nullptr, nullptr});
    const File file = File::open(segment->path, record.is_sealed() ? O_RDONLY : O_RDWR);
    if (!file.is_open()) {
        if (errno != ENOENT) return disk_error("cannot open " + segment->path, errno);
        health_.report("missing_segment", name,
                       "this part of the log is gone; its records cannot be read. Put the file back and restart, or go on behind it");
        newest_damaged_id_ = record.id;
        return {};
    }
    if (!record.is_sealed()) {
        changed = true;
        if (Status status = seal_after_crash(record, *segment); !status.ok()) return status;
    } else {
        segment->index = SegmentIndex::open(file, record.used_bytes, record.nonce);
        if (!segment->index) {
            health_.report("damaged_index", name, "the segment's index is damaged; it was made again from the records");
            const auto values = values_of(record, file);
            check_sequences(record, values);
            rebuild(record, file, values, *segment);
        } else if (record.state == SegmentState::damaged) {
            health_.report("damaged_segment", name, std::string("parts of it could not be read") + kKeptAdvice);
        }
    }
    opened_[record.id] = segment;
    catalogue_.add_segment(std::move(segment));
    return {};
}

Status JournalRecovery::seal_after_crash(SegmentRecord& record, Segment& segment) {
    const File file = File::open(segment.path, O_RDWR);
    if (!file.is_open()) return disk_error("cannot open " + segment.path, errno);
    // The page cache may hold what the disk does not: write it down before anything is concluded from it.
    if (const int error = file.sync()) return disk_error("cannot sync " + segment.path, error);
    ScanResult scan = scan_segment(file, lmdb_page_bytes(), record.id, record.nonce);
    if (scan.values.empty() && scan.unreadable_bytes > 0) return disk_error("cannot read " + segment.path, EIO);
    drop_torn_tail(file, scan.values);
    if (scan.unreadable_bytes > 0) damaged(record.id, "the disk refused to read parts of it");
    // What must be there: the checkpoint of a segment that was open, and all that its values say to have been safe.
    record.last_sequence = record.state == SegmentState::open ? record.first_sequence : 0;
    if (!scan.values.empty())
        record.last_sequence = std::max({record.last_sequence, durable_to(scan.values), scan.values.back().header.sequence});
    record.state = SegmentState::sealed;
    // Behind everything that was ever written, torn tail included.
    record.used_bytes = std::max<std::uint64_t>(round_up(scan.used_bytes, lmdb_page_bytes()), 2 * lmdb_page_bytes());
    segment.used_bytes = record.used_bytes;
    rebuild(record, file, scan.values, segment);
    scanned_[record.id] = std::move(scan.values);
    return {};
}

// The index goes into the file again; if that is not possible it stays in memory, and the next start makes it again.
void JournalRecovery::rebuild(const SegmentRecord& record, const File& file, const std::vector<ScannedValue>& values, Segment& segment) {
    const RebuiltIndex rebuilt = rebuild_index(file, values);
    for (const RebuiltIndex::Lost& lost : rebuilt.lost)
        health_.report("quarantine", partition_subject(lost.partition),
                       "records from offset " + std::to_string(lost.base.value) + " to " + std::to_string(lost.end.value) +
                           " are damaged on the disk; they are kept aside and not served. Restore them from a backup or go on behind them");
    if (!rebuilt.lost.empty()) newest_damaged_id_ = std::max(newest_damaged_id_, record.id);
    if (!rebuilt.is_whole) damaged(record.id, "a commit in it is damaged; what it held is not served");
    Buffer block = rebuilt.index.encode(record.nonce);
    const File writable = File::open(segment.path, O_RDWR);
    const bool in_doubt = damaged_ids_.contains(record.id) || !rebuilt.lost.empty();  // nothing of a damaged segment is given away
    if (writable.is_open() && writable.write_at(record.used_bytes, block) == 0 &&
        (in_doubt || writable.cut_unused(record.used_bytes + block.size()) == 0) && writable.sync() == 0)
        segment.index = SegmentIndex::open(writable, record.used_bytes, record.nonce);
    if (!segment.index) segment.index = SegmentIndex::in_memory(std::move(block), record.nonce);
}

void JournalRecovery::damaged(std::uint64_t segment_id, const std::string& what) {
    health_.report("damaged_segment", segment_file_name(segment_id), what + kKeptAdvice);
    damaged_ids_.insert(segment_id);
    newest_damaged_id_ = std::max(newest_damaged_id_, segment_id);
}

// What a damaged segment held is not known for sure, so it is never known to be dead. True: the manifest has changed.
bool JournalRecovery::keep_damaged(Manifest& manifest) {
    bool changed = false;
    for (SegmentRecord& record : manifest.segments) {
        const auto segment = opened_.find(record.id);
        if (segment == opened_.end()) continue;
        if (damaged_ids_.contains(record.id)) changed = std::exchange(record.state, SegmentState::damaged) != SegmentState::damaged || changed;
        segment->second->is_kept = record.state == SegmentState::damaged;
    }
    return changed;
}

// --- Replaying ---

std::vector<ScannedValue> JournalRecovery::values_of(const SegmentRecord& record, const File& file) {
    if (const auto known = scanned_.find(record.id); known != scanned_.end()) return known->second;
    ScanResult scan = scan_segment(file, lmdb_page_bytes(), record.id, record.nonce, record.used_bytes);
    // What a crash tore is still there.
    std::erase_if(scan.values, [&](const ScannedValue& value) { return value.header.sequence > record.last_sequence; });
    return scan.values;
}

void JournalRecovery::check_sequences(const SegmentRecord& record, const std::vector<ScannedValue>& values) {
    std::uint64_t expected = record.first_sequence;
    for (const ScannedValue& value : values) {
        if (value.header.sequence != expected) break;
        ++expected;
    }
    if (expected > record.last_sequence) return;
    damaged(record.id, "commit " + std::to_string(expected) + " is missing from it; what it held is not served");
}

bool JournalRecovery::replay_checkpoint(const Segment& segment, const File& file, const std::vector<ScannedValue>& values,
                                        const RecoverySink& sink) {
    if (values.empty()) return false;
    bool restored = false;
    EntryWalker(file, segment.nonce).walk(values.front(), [&](const EntryHeader& entry, std::uint64_t at) {
        if (entry.type != EntryType::checkpoint || at + entry.payload_bytes > file.size_bytes()) return false;
        Buffer payload(static_cast<std::size_t>(entry.payload_bytes));
        restored = file.read_at(at, payload) == static_cast<std::int64_t>(payload.size()) && payload_is_intact(entry, payload) &&
                   sink.checkpoint(payload).ok();
        return false;
    });
    return restored;
}

Status JournalRecovery::replay(Manifest& manifest, const RecoverySink& sink) {
    const auto& records = manifest.segments;
    // The newest segment whose first entry is a whole checkpoint; a crash during a roll leaves one without.
    std::size_t from = records.size();
    std::map<std::uint64_t, std::vector<ScannedValue>> values;
    bool restored = false;
    while (!restored && from-- > 0) {
        const auto segment = opened_.find(records[from].id);
        if (segment == opened_.end()) continue;
        const File file = File::open(segment->second->path, O_RDONLY);
        if (!file.is_open()) return disk_error("cannot open " + segment->second->path, errno);
        auto& own = values[records[from].id] = values_of(records[from], file);
        restored = replay_checkpoint(*segment->second, file, own, sink);
    }
    const bool promised = std::any_of(records.begin(), records.end(), [](const SegmentRecord& r) { return r.last_sequence != 0; });
    if (!restored) from = 0;
    if (!restored && promised) damaged(records.front().id, "no checkpoint can be read; what the log holds is told by its entries alone");
    for (std::size_t i = from; i < records.size(); ++i) {
        const auto segment = opened_.find(records[i].id);
        if (segment == opened_.end()) continue;
        const File file = File::open(segment->second->path, O_RDONLY);
        if (!file.is_open()) return disk_error("cannot open " + segment->second->path, errno);
        check_sequences(records[i], values[records[i].id]);
        if (Status status = replay_segment(*segment->second, file, values[records[i].id], records[from].id, sink); !status.ok()) return status;
    }
    bool changed = keep_damaged(manifest);
    if (from < records.size() && newest_damaged_id_ >= records[from].id) {
        report_lost(records[from].id, sink);
        changed = std::exchange(manifest.keep_to, records.back().id) != records.back().id || changed;
    }
    if (changed) {
        (void)replace_file(directory_, kManifestName, as_bytes(encode_manifest(manifest)));  // or with the next roll
    }
    opened_.clear();
    scanned_.clear();
    return {};
}

Status JournalRecovery::replay_segment(const Segment& segment, const File& file, const std::vector<ScannedValue>& values,
                                       std::uint64_t from_id, const RecoverySink& sink) {
    EntryWalker walker(file, segment.nonce);
    Status failure;
    for (const ScannedValue& value : values) {
        const bool whole = walker.walk(value, [&](const EntryHeader& header, std::uint64_t at) {
            if (header.type == EntryType::checkpoint) return true;  // the state at this point is known already
            const std::uint64_t wanted = header.type == EntryType::batch ? kBatchHeaderBytes : header.payload_bytes;
            const ByteView payload = walker.peek(at, static_cast<std::size_t>(wanted));
            if (payload.size() != wanted || payload_crc(header.type, payload) != header.payload_crc) {
                damaged(segment.id, "an entry of it is damaged and was left out");
                return true;
            }
            failure = sink.entry(JournalEntry{header.type, header.partition, header.base_offset, {}}, payload);
            // Behind damage an entry may make no sense: what it rests on is gone.
            if (!failure.ok() && newest_damaged_id_ >= from_id) {
                damaged(segment.id, "an entry of it was left out: " + failure.message);
                failure = {};
            }
            return failure.ok();
        });
        if (!failure.ok()) return failure;
        if (!whole) damaged(segment.id, "a commit in it is damaged; what it held is not served");
    }
    return {};
}

// How far partitions once reached is known from the indexes, and from the headers of entries whose payload is gone.
void JournalRecovery::report_lost(std::uint64_t from_id, const RecoverySink& sink) {
    std::map<PartitionId, Offset> ends;
    for (const auto& [id, segment] : opened_) {
        if (id < from_id) continue;
        for (const IndexSpan& span : segment->index->spans()) ends[span.partition] = std::max(ends[span.partition], span.end);
    }
    for (const auto& [partition, end] : ends)
        if (sink.lost) sink.lost(partition, end);
}

}  // namespace sedge::node
