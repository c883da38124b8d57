#include "node/io/journal_catalogue.h"

#include <algorithm>

#include "node/io/manifest.h"
#include "node/io/segment_rebuild.h"
#include "node/io/segment_scan.h"

namespace sedge::node {
namespace {

constexpr Offset kNoEnd{UINT64_MAX};
constexpr std::size_t kRunsPerSearch = 1024;

}  // namespace

void JournalCatalogue::add_segment(std::shared_ptr<Segment> segment) {
    const std::lock_guard lock(mutex_);
    newest_id_ = std::max(newest_id_, segment->id);
    segments_[segment->id] = std::move(segment);
}

void JournalCatalogue::add_batches(std::uint64_t segment_id, const std::vector<SegmentWriter::Placed>& batches) {
    const std::lock_guard lock(mutex_);
    SegmentIndexBuilder& index = *segments_.at(segment_id)->open;
    for (const SegmentWriter::Placed& placed : batches) {
        const auto header = parse_batch_header(placed.batch.view());
        if (header.ok()) index.add(placed.partition, *header, placed.entry_at, placed.stored_bytes);
    }
}

Buffer JournalCatalogue::encode_index(std::uint64_t segment_id) const {
    const std::lock_guard lock(mutex_);
    const Segment& segment = *segments_.at(segment_id);
    return segment.open->encode(segment.nonce);
}

void JournalCatalogue::seal(std::uint64_t segment_id, std::uint64_t used_bytes, std::shared_ptr<const SegmentIndex> index) {
    const std::lock_guard lock(mutex_);
    Segment& segment = *segments_.at(segment_id);
    segment.used_bytes = used_bytes;
    segment.index = std::move(index);
    segment.open.reset();
}

void JournalCatalogue::release(const std::vector<ReleaseRecords>& releases) {
    const std::lock_guard lock(mutex_);
    for (const ReleaseRecords& each : releases) {
        Offset& below = released_[each.partition];
        below = std::max(below, each.below);
    }
}

void JournalCatalogue::retain(const std::vector<ReleaseRecords>& live, std::uint64_t keep_to) {
    const std::lock_guard lock(mutex_);
    retained_.emplace();
    retained_from_id_ = keep_to;
    retained_to_id_ = newest_id_;
    for (const ReleaseRecords& each : live) {
        retained_->insert(each.partition);
        if (each.below > Offset{0}) released_[each.partition] = each.below;
    }
}

bool JournalCatalogue::is_dead(const Segment& segment, const PartitionId& partition, Offset end) const {
    if (retained_ && segment.id > retained_from_id_ && segment.id <= retained_to_id_ && !retained_->contains(partition)) return true;
    const auto released = released_.find(partition);
    return released != released_.end() && end <= released->second;
}

std::vector<std::shared_ptr<Segment>> JournalCatalogue::take_dead() {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<Segment>> dead;
    for (auto at = segments_.begin(); at != segments_.end();) {
        const Segment& segment = *at->second;
        const auto is_dead_span = [&](const IndexSpan& span) { return is_dead(segment, span.partition, span.end); };
        const bool all_dead = segment.id != newest_id_ && segment.index && !segment.is_kept &&
                              std::all_of(segment.index->spans().begin(), segment.index->spans().end(), is_dead_span);
        if (!all_dead) {
            ++at;
            continue;
        }
        dead.push_back(std::move(at->second));
        at = segments_.erase(at);
    }
    if (!dead.empty()) forget_releases();
    return dead;
}

// Of deleted topics whose last records have gone nothing need be remembered.
void JournalCatalogue::forget_releases() {
    std::set<PartitionId> held;
    for (const auto& [id, segment] : segments_)
        if (segment->index)
            for (const IndexSpan& span : segment->index->spans()) held.insert(span.partition);
    std::erase_if(released_, [&](const auto& each) { return each.second == kNoEnd && !held.contains(each.first) && !in_open(each.first); });
}

bool JournalCatalogue::in_open(const PartitionId& partition) const {
    const auto newest = segments_.find(newest_id_);
    return newest != segments_.end() && newest->second->open && newest->second->open->find(partition) != nullptr;
}

// Where two segments hold the same offset (only damage makes that happen) the newer one counts.
std::vector<JournalCatalogue::Part> JournalCatalogue::parts_from(const PartitionId& partition, Offset offset, std::size_t count) const {
    const std::lock_guard lock(mutex_);
    std::vector<Part> parts;
    Offset end = kNoEnd;
    for (auto at = segments_.rbegin(); at != segments_.rend() && end > offset; ++at) {
        const Segment& segment = *at->second;
        const IndexSpan* span = segment.find(partition);
        if (span == nullptr) continue;
        Part part{at->second, segment.index, {}, std::min(end, span->end), span->max_timestamp_ms};
        if (segment.open) part.runs = segment.open->runs_from(partition, offset, count);
        if (part.end > offset) parts.push_back(std::move(part));
        end = std::min(end, span->first);
    }
    std::reverse(parts.begin(), parts.end());
    return parts;
}

bool JournalCatalogue::read_runs(Part& part, const PartitionId& partition, Offset offset, std::size_t count,
                                 std::shared_ptr<const File>& file) {
    file = files_.get(part.segment->path);
    if (file == nullptr) return false;
    if (!part.index) return true;
    auto runs = part.index->runs_from(*file, partition, offset, count);
    if (runs.outcome == SegmentIndex::Outcome::damaged) {
        const auto rebuilt = rebuild(part, *file);
        if (rebuilt) runs = rebuilt->runs_from(*file, partition, offset, count);
    }
    part.runs = std::move(runs.runs);
    return runs.outcome == SegmentIndex::Outcome::good;
}

std::shared_ptr<const SegmentIndex> JournalCatalogue::rebuild(const Part& part, const File& file) {
    const Segment& segment = *part.segment;
    const ScanResult scan = scan_segment(file, lmdb_page_bytes(), segment.id, segment.nonce, segment.used_bytes);
    if (scan.values.empty()) return nullptr;
    const RebuiltIndex rebuilt = rebuild_index(file, scan.values);
    auto index = SegmentIndex::in_memory(rebuilt.index.encode(segment.nonce), segment.nonce);
    health_.report("damaged_index", segment_file_name(segment.id), "the segment's index is damaged; it was made again from the records");
    const std::lock_guard lock(mutex_);
    part.segment->index = index;
    part.segment->is_kept = part.segment->is_kept || !rebuilt.is_whole;
    return index;
}

JournalCatalogue::Locations JournalCatalogue::locate(const PartitionId& partition, Offset offset, Offset end, std::size_t count) {
    Locations out;
    for (Part& part : parts_from(partition, offset, count)) {
        if (out.found.size() == count) break;
        std::shared_ptr<const File> file;
        // What was found before the failure can be served.
        if (!read_runs(part, partition, offset, count - out.found.size(), file)) {
            out.failed = out.found.empty();
            return out;
        }
        for (BatchRun& run : part.runs) {
            if (run.base >= std::min(end, part.end) || out.found.size() == count) break;
            run.end = std::min(run.end, part.end);
            out.found.push_back({part.segment, file, run});
        }
    }
    return out;
}

JournalCatalogue::Locations JournalCatalogue::locate_time(const PartitionId& partition, Offset start, Offset end,
                                                          std::uint64_t timestamp_ms) {
    for (Part& part : parts_from(partition, start, SIZE_MAX)) {
        if (part.max_timestamp_ms < timestamp_ms) continue;
        for (Offset from = start; from < std::min(end, part.end);) {
            std::shared_ptr<const File> file;
            if (!read_runs(part, partition, from, kRunsPerSearch, file)) return {true, {}};
            for (BatchRun& run : part.runs) {
                if (run.base >= end) return {};
                if (run.base >= part.end) break;
                run.end = std::min(run.end, part.end);
                if (run.end > start && run.max_timestamp_ms >= timestamp_ms) return {false, {{part.segment, file, run}}};
            }
            if (part.runs.empty() || !part.index) break;  // of an open segment all runs have been seen
            from = part.runs.back().end;
        }
    }
    return {};
}

bool JournalCatalogue::contains(std::uint64_t segment_id) const {
    const std::lock_guard lock(mutex_);
    return segments_.contains(segment_id);
}

std::size_t JournalCatalogue::segments() const {
    const std::lock_guard lock(mutex_);
    return segments_.size();
}

}  // namespace sedge::node
