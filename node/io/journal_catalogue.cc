#include "node/io/journal_catalogue.h"

#include <algorithm>

namespace sedge::node {
namespace {

// A health report must stay readable and small, however damaged a disk is.
constexpr std::size_t kMaxProblems = 200;

}  // namespace

void JournalCatalogue::add_segment(std::shared_ptr<Segment> segment) {
    const std::lock_guard lock(mutex_);
    open_id_ = std::max(open_id_, segment->id);
    segments_[segment->id] = std::move(segment);
}

void JournalCatalogue::add_batches(std::uint64_t segment_id, const std::vector<SegmentWriter::Placed>& batches) {
    const std::lock_guard lock(mutex_);
    SegmentIndex& index = segments_.at(segment_id)->index;
    for (const SegmentWriter::Placed& placed : batches) {
        const auto header = parse_batch_header(placed.batch.view());
        if (header.ok()) index.add(placed.partition, *header, placed.entry_at, placed.stored_bytes);
    }
}

void JournalCatalogue::seal(std::uint64_t segment_id, SegmentIndex on_disk) {
    const std::lock_guard lock(mutex_);
    segments_.at(segment_id)->index = std::move(on_disk);
}

Buffer JournalCatalogue::encode_index(std::uint64_t segment_id) const {
    const std::lock_guard lock(mutex_);
    return segments_.at(segment_id)->index.encode();
}

void JournalCatalogue::release(const ReleaseRecords& release) {
    const std::lock_guard lock(mutex_);
    Offset& below = released_[release.partition];
    below = std::max(below, release.below);
}

void JournalCatalogue::retain(const std::vector<ReleaseRecords>& live) {
    const std::lock_guard lock(mutex_);
    retained_.emplace();
    retained_up_to_id_ = open_id_;
    for (const ReleaseRecords& each : live) {
        retained_->emplace(each.partition, true);
        if (each.below > Offset{0}) released_[each.partition] = each.below;
    }
}

std::vector<std::shared_ptr<Segment>> JournalCatalogue::take_dead() {
    const std::lock_guard lock(mutex_);
    const auto is_dead = [&](std::uint64_t id, const PartitionId& partition, Offset end) {
        if (retained_ && id <= retained_up_to_id_ && !retained_->contains(partition)) return true;
        const auto released = released_.find(partition);
        return released != released_.end() && end <= released->second;
    };
    std::vector<std::shared_ptr<Segment>> dead;
    for (auto at = segments_.begin(); at != segments_.end();) {
        const auto& spans = at->second->index.spans();
        const bool all_dead = at->first != open_id_ && !at->second->keep && std::all_of(spans.begin(), spans.end(), [&](const auto& span) {
            return is_dead(at->first, span.first, span.second.end);
        });
        if (!all_dead) {
            ++at;
            continue;
        }
        dead.push_back(std::move(at->second));
        at = segments_.erase(at);
    }
    return dead;
}

std::vector<std::shared_ptr<Segment>> JournalCatalogue::segments_with(const PartitionId& partition, Offset offset) const {
    std::vector<std::shared_ptr<Segment>> out;
    for (const auto& [id, segment] : segments_) {
        const auto span = segment->index.spans().find(partition);
        if (span != segment->index.spans().end() && span->second.end > offset) out.push_back(segment);
    }
    return out;
}

std::optional<std::vector<JournalCatalogue::Location>> JournalCatalogue::locate(const PartitionId& partition, Offset offset, Offset end,
                                                                                std::size_t count) const {
    const std::lock_guard lock(mutex_);
    std::vector<Location> out;
    for (const auto& segment : segments_with(partition, offset)) {
        const auto runs = segment->index.runs_from(segment->file, partition, offset, count - out.size());
        if (!runs) return std::nullopt;
        for (const BatchRun& run : *runs) {
            if (run.base >= end) return out;
            out.push_back({segment, run});
        }
        if (out.size() == count) break;
    }
    return out;
}

std::optional<std::vector<JournalCatalogue::Location>> JournalCatalogue::locate_time(const PartitionId& partition, Offset start,
                                                                                     std::uint64_t timestamp_ms) const {
    const std::lock_guard lock(mutex_);
    for (const auto& segment : segments_with(partition, start)) {
        const auto& span = segment->index.spans().at(partition);
        if (span.max_timestamp_ms < timestamp_ms) continue;
        constexpr std::size_t kChunk = 4096;
        Offset from = std::max(start, span.first);
        while (from < span.end) {
            const auto runs = segment->index.runs_from(segment->file, partition, from, kChunk);
            if (!runs) return std::nullopt;
            for (const BatchRun& run : *runs)
                if (run.max_timestamp_ms >= timestamp_ms) return std::vector<Location>{{segment, run}};
            if (runs->empty()) break;
            from = runs->back().end;
        }
    }
    return std::vector<Location>{};
}

void JournalCatalogue::report(const std::string& kind, const std::string& subject, const std::string& message) {
    const std::lock_guard lock(mutex_);
    if (problems_.size() >= kMaxProblems) return;
    problems_changed_ |= problems_.insert_or_assign({kind, subject}, message).second;
}

std::vector<HealthProblem> JournalCatalogue::problems() const {
    const std::lock_guard lock(mutex_);
    std::vector<HealthProblem> out;
    for (const auto& [key, message] : problems_) out.push_back({key.first, key.second, message});
    return out;
}

bool JournalCatalogue::take_problems_changed() {
    const std::lock_guard lock(mutex_);
    return std::exchange(problems_changed_, false);
}

std::size_t JournalCatalogue::segments() const {
    const std::lock_guard lock(mutex_);
    return segments_.size();
}

}  // namespace sedge::node
