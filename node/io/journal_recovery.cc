#include "node/io/journal_recovery.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "node/io/segment_writer.h"
#include "schema/record_batch.h"

namespace sedge::node {
namespace {

Status disk_error(const std::string& what, int error) {
    return {ErrorCode::storage_failed, what + ": " + std::strerror(error)};
}

std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) { return (value + unit - 1) / unit * unit; }

// After a power cut the newest commits may be torn, which nobody was promised anything about; what is not whole goes from the end on.
// Damage before an intact value is not a torn tail: it stays, is reported, and is met again by whoever reads it.
void drop_torn_tail(const File& file, std::vector<ScannedValue>& values, bool verify_all) {
    while (!values.empty() && !value_is_intact(file, values.back())) {
        values.pop_back();
        if (!verify_all) break;  // the system kept what was committed: only the commit under way can be torn
    }
}

}  // namespace

Result<Manifest> JournalRecovery::read_manifest() {
    const std::string path = directory_ + "/" + kManifestName;
    const File file = File::open(path, O_RDONLY);
    if (!file.is_open() && errno == ENOENT) return manifest_from_files();
    if (!file.is_open()) return disk_error("cannot open " + path, errno);
    Buffer bytes(static_cast<std::size_t>(file.size_bytes()));
    if (file.read_at(0, bytes) != static_cast<std::int64_t>(bytes.size())) return disk_error("cannot read " + path, errno);
    auto manifest = decode_manifest(as_text(bytes));
    if (manifest.ok()) return manifest;
    catalogue_.report("manifest", path, "the list of log segments was damaged and has been made again from the files themselves");
    return manifest_from_files();
}

// The files tell their own story: each value names its segment.
Manifest JournalRecovery::manifest_from_files() {
    Manifest manifest;
    DIR* listing = ::opendir(directory_.c_str());
    if (listing == nullptr) return manifest;
    while (const dirent* entry = ::readdir(listing)) {
        const std::string_view name = entry->d_name;
        if (!name.ends_with(".seg")) continue;
        const File file = File::open(directory_ + "/" + std::string(name), O_RDONLY);
        const ScanResult scan = file.is_open() ? scan_segment(file, lmdb_page_bytes(), 0) : ScanResult{};
        if (scan.values.empty()) continue;
        const ValueHeader& first = scan.values.front().header;
        if (segment_file_name(first.segment_id) == name) manifest.segments.push_back({first.segment_id, first.segment_nonce, false, first.sequence, 0, 0});
    }
    ::closedir(listing);
    std::sort(manifest.segments.begin(), manifest.segments.end(),
              [](const SegmentRecord& a, const SegmentRecord& b) { return a.id < b.id; });
    return manifest;
}

Result<Manifest> JournalRecovery::open() {
    auto manifest = read_manifest();
    if (!manifest.ok()) return manifest;
    bool changed = false;
    for (SegmentRecord& record : manifest->segments)
        if (Status status = open_segment(record, manifest->boot_id, changed); !status.ok()) return status;
    const std::string boot_id = current_boot_id();
    if (changed || manifest->boot_id != boot_id) {
        manifest->boot_id = boot_id;
        if (const int error = replace_file(directory_, kManifestName, as_bytes(encode_manifest(*manifest))))
            return disk_error("cannot write the list of segments", error);
    }
    return manifest;
}

Status JournalRecovery::open_segment(SegmentRecord& record, const std::string& boot_id, bool& changed) {
    const std::string name = segment_file_name(record.id);
    auto segment = std::make_shared<Segment>();
    segment->id = record.id;
    segment->file = File::open(directory_ + "/" + name, record.sealed ? O_RDONLY : O_RDWR);
    if (!segment->file.is_open()) {
        if (errno != ENOENT) return disk_error("cannot open " + directory_ + "/" + name, errno);
        catalogue_.report("missing_segment", name, "this part of the log is gone; its records cannot be read. Put the file back and restart, or go on behind it");
        record.sealed = true;
        changed = true;
        return {};
    }
    if (!record.sealed) {
        changed = true;
        const bool cache_is_gone = boot_id.empty() || boot_id != current_boot_id();
        if (Status status = seal_after_crash(record, *segment, cache_is_gone); !status.ok()) return status;
    } else if (auto index = SegmentIndex::open(segment->file, record.used_bytes)) {
        segment->index = std::move(*index);
    } else {
        catalogue_.report("damaged_index", name, "the segment's index is damaged; it was made again from the records");
        rebuild_index(record, *segment);
        segment->keep = segment->index.spans().empty();
    }
    opened_[record.id] = segment;
    catalogue_.add_segment(segment);
    return {};
}

void JournalRecovery::rebuild_index(const SegmentRecord& record, Segment& segment) {
    const std::string name = segment_file_name(record.id);
    EntryWalker walker(segment.file);
    EntryWalker headers(segment.file);
    for (const ScannedValue& value : values_of(record, segment)) {
        const bool whole = walker.walk(value, [&](const EntryHeader& entry, std::uint64_t at) {
            if (entry.type != EntryType::batch) return true;
            const auto batch = parse_batch_header(headers.peek(at, kBatchHeaderBytes));
            if (batch.ok() && batch->base_offset == entry.base_offset)
                segment.index.add(entry.partition, *batch, at - kEntryHeaderBytes, entry.stored_bytes());
            else
                catalogue_.report("quarantine", to_string(entry.partition.topic) + "/" + std::to_string(entry.partition.partition.value),
                                  "the batch at offset " + std::to_string(entry.base_offset.value) + " is damaged on the disk and not served");
            return true;
        });
        if (!whole) catalogue_.report("damaged_segment", name, "a commit in it is damaged; what follows it in that commit is not served");
    }
}

Status JournalRecovery::seal_after_crash(SegmentRecord& record, Segment& segment, bool cache_is_gone) {
    // The page cache may show what the disk does not hold: write it down, forget it, and look at the disk.
    if (const int error = segment.file.sync()) return disk_error("cannot sync a log segment", error);
    if (cache_is_gone) segment.file.drop_cached_pages();
    ScanResult scan = scan_segment(segment.file, lmdb_page_bytes(), record.nonce);
    if (scan.read_failed) return disk_error("cannot read a log segment", EIO);
    drop_torn_tail(segment.file, scan.values, cache_is_gone);
    for (std::size_t i = 1; i < scan.values.size(); ++i)
        if (scan.values[i].header.sequence != scan.values[i - 1].header.sequence + 1)
            catalogue_.report("damaged_segment", segment_file_name(record.id),
                              "commits " + std::to_string(scan.values[i - 1].header.sequence + 1) + " to " +
                                  std::to_string(scan.values[i].header.sequence - 1) + " are missing from it");
    record.sealed = true;
    record.first_sequence = scan.values.empty() ? 0 : scan.values.front().header.sequence;
    record.last_sequence = scan.values.empty() ? 0 : scan.values.back().header.sequence;
    // Behind everything that was ever written, torn tail included.
    record.used_bytes = std::max<std::uint64_t>(round_up(scan.used_bytes, lmdb_page_bytes()), 2 * lmdb_page_bytes());
    scanned_[record.id] = std::move(scan.values);
    rebuild_index(record, segment);
    const Buffer block = segment.index.encode();
    int error = segment.file.write_at(record.used_bytes, block);
    if (error == 0) error = segment.file.sync();
    if (error != 0 && error != ENOSPC) return disk_error("cannot seal a log segment", error);
    // On a full disk the index stays in memory; the next start makes it again.
    return {};
}

std::vector<ScannedValue> JournalRecovery::values_of(const SegmentRecord& record, const Segment& segment) {
    if (const auto known = scanned_.find(record.id); known != scanned_.end()) return known->second;
    auto scan = scan_segment(segment.file, lmdb_page_bytes(), record.nonce);
    std::erase_if(scan.values, [&](const ScannedValue& value) { return value.header.sequence > record.last_sequence; });
    return scan.values;
}

Status JournalRecovery::replay(const Manifest& manifest, const RecoverySink& sink) {
    const auto& records = manifest.segments;
    // The newest segment whose first entry is a whole checkpoint; a crash during a roll leaves one without.
    std::size_t from = records.size();
    std::map<std::uint64_t, std::vector<ScannedValue>> values;
    while (from-- > 0) {
        const auto segment = opened_.find(records[from].id);
        if (segment == opened_.end()) continue;
        auto& own = values[records[from].id] = values_of(records[from], *segment->second);
        bool has_checkpoint = false;
        if (!own.empty()) {
            EntryWalker(segment->second->file).walk(own.front(), [&](const EntryHeader& entry, std::uint64_t at) {
                Buffer payload(static_cast<std::size_t>(entry.payload_bytes));
                has_checkpoint = entry.type == EntryType::checkpoint &&
                                 segment->second->file.read_at(at, payload) == static_cast<std::int64_t>(payload.size()) &&
                                 payload_is_intact(entry, payload) && sink.checkpoint(payload).ok();
                return false;
            });
        }
        if (has_checkpoint) break;
    }
    if (from == SIZE_MAX) from = 0;
    bool first = true;
    for (std::size_t i = from; i < records.size(); ++i) {
        const auto segment = opened_.find(records[i].id);
        if (segment == opened_.end()) continue;
        for (const ScannedValue& value : values[records[i].id]) {
            if (Status status = replay_value(*segment->second, value, std::exchange(first, false), sink); !status.ok()) return status;
        }
    }
    opened_.clear();
    scanned_.clear();
    return {};
}

Status JournalRecovery::replay_value(const Segment& segment, const ScannedValue& value, bool, const RecoverySink& sink) {
    EntryWalker walker(segment.file);
    Status failure;
    const bool whole = walker.walk(value, [&](const EntryHeader& header, std::uint64_t at) {
        if (header.type == EntryType::checkpoint) return true;  // the state at this point is known already
        const std::uint64_t wanted = header.type == EntryType::batch ? kBatchHeaderBytes : header.payload_bytes;
        const ByteView payload = walker.peek(at, static_cast<std::size_t>(wanted));
        const bool intact = payload.size() == wanted && payload_crc(header.type, payload) == header.payload_crc;
        if (!intact) {
            catalogue_.report("damaged_segment", segment_file_name(segment.id), "an entry of it is damaged and was left out");
            return true;
        }
        failure = sink.entry(JournalEntry{header.type, header.partition, header.base_offset, {}}, payload);
        return failure.ok();
    });
    if (!whole) catalogue_.report("damaged_segment", segment_file_name(segment.id), "a commit in it is damaged; what follows it in that commit is not served");
    return failure;
}

}  // namespace sedge::node
