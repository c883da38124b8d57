#include "tests/sim/sim_disk.h"

#include <algorithm>

#include "schema/record_batch.h"
#include "tests/sim/violation.h"

namespace sedge::sim {
namespace {

StoredWrite copy_of(const node::JournalWrite& write) {
    StoredWrite stored;
    stored.cost = node::journal_cost(write);
    stored.entries.reserve(write.entries.size());
    for (const node::JournalEntry& entry : write.entries) {
        StoredEntry& copy = stored.entries.emplace_back();
        copy.type = entry.type;
        copy.partition = entry.partition;
        copy.base_offset = entry.base_offset;
        const ByteView payload = entry.payload.view();
        copy.payload.assign(payload.begin(), payload.end());
        if (entry.type != node::EntryType::batch) continue;
        const auto header = check_appended_batch(payload);
        require(header.ok(), "the core stores a batch whose checksums are wrong");
        require(header->size_bytes == payload.size(), "an entry holds one batch and nothing else");
        require(header->base_offset == entry.base_offset, "an entry and its batch name different offsets");
        copy.end_offset = header->end_offset();
    }
    return stored;
}

}  // namespace

void SimDisk::roll() {
    sync();
    require(spares_ > 0, "a segment is begun although none was ready");
    --spares_;
    segments_.emplace_back().number = next_number_++;
    look_for_dead_ = true;
}

void SimDisk::write(const node::JournalWrite& write) {
    require(!segments_.empty(), "the first write of all does not begin a segment");
    Segment& segment = segments_.back();
    StoredWrite& stored = segment.writes.emplace_back(copy_of(write));
    segment.used_bytes += stored.cost;
    require(segment.used_bytes <= segment_bytes_, "a segment is filled beyond its size");
    for (const StoredEntry& entry : stored.entries) {
        if (entry.type != node::EntryType::batch) continue;
        segment.ends[entry.partition] = entry.end_offset;
        index_[entry.partition].push_back({entry.base_offset, entry.end_offset, segment.number, &entry});
    }
    if (watcher_) watcher_->on_cached(stored);
}

void SimDisk::sync() {
    if (segments_.empty()) return;
    Segment& segment = segments_.back();
    for (; segment.synced < segment.writes.size(); ++segment.synced) {
        const StoredWrite& write = segment.writes[segment.synced];
        if (watcher_ && !write.torn) watcher_->on_synced(write);
    }
    drop_dead_segments();
}

void SimDisk::release(PartitionId partition, Offset below) {
    Offset& released = released_[partition];
    released = std::max(released, below);
    look_for_dead_ = true;
    drop_dead_segments();
}

void SimDisk::retain(const std::vector<node::ReleaseRecords>& live) {
    released_.clear();
    for (const auto& [partition, places] : index_) released_[partition] = Offset{UINT64_MAX};
    for (const node::ReleaseRecords& each : live) released_[each.partition] = each.below;
    look_for_dead_ = true;
    drop_dead_segments();
}

void SimDisk::drop_dead_segments() {
    // Only below a segment whose checkpoint is synced; in any order, as a long-lived topic keeps only what holds its records.
    if (!look_for_dead_ || segments_.empty() || segments_.back().synced == 0) return;
    look_for_dead_ = false;
    for (std::size_t i = 0; i + 1 < segments_.size();) {
        const Segment& segment = segments_[i];
        const bool dead = std::all_of(segment.ends.begin(), segment.ends.end(), [this](const auto& end) {
            const auto released = released_.find(end.first);
            return released != released_.end() && end.second <= released->second;
        });
        if (!dead) {
            ++i;
            continue;
        }
        for (const auto& [partition, end] : segment.ends) {
            auto& places = index_[partition];
            std::erase_if(places, [&](const Indexed& place) { return place.segment == segment.number; });
        }
        segments_.erase(segments_.begin() + static_cast<std::ptrdiff_t>(i));
    }
}

void SimDisk::lose_last_write() {
    Segment& segment = segments_.back();
    const StoredWrite& write = segment.writes.back();
    for (auto entry = write.entries.rbegin(); entry != write.entries.rend(); ++entry)
        if (entry->type == node::EntryType::batch) index_[entry->partition].pop_back();
    segment.used_bytes -= write.cost;
    if (watcher_ && !write.torn) watcher_->on_lost(write);
    segment.writes.pop_back();
    // What is lost was the newest of its partitions, so the ends are those of the index; older ends are too high at worst.
    for (auto& [partition, end] : segment.ends) end = std::min(end, end_of(partition));
    if (segment.writes.empty()) segments_.pop_back();
}

void SimDisk::power_cut(Random& random) {
    if (!segments_.empty() && segments_.back().writes.back().torn) return;  // a second cut before anybody looked
    if (segments_.empty()) return;
    Segment& segment = segments_.back();
    const std::size_t at_risk = segment.writes.size() - segment.synced;
    std::size_t lost = random.one_in(3) ? at_risk : random.below(at_risk + 1);
    if (at_risk == 0 || lost == 0) return;
    const bool torn = random.one_in(2);
    for (; lost > (torn ? 1u : 0u); --lost) lose_last_write();
    if (!torn) return;
    // Its beginning has reached the disk, its end has not.
    StoredWrite& write = segments_.back().writes.back();
    if (watcher_) watcher_->on_lost(write);
    write.torn = true;
    Buffer& payload = write.entries.back().payload;
    if (!payload.empty()) std::fill(payload.begin() + static_cast<std::ptrdiff_t>(payload.size() / 2), payload.end(), std::byte{});
}

bool SimDisk::flip_bit(Random& random) {
    if (segments_.empty()) return false;
    const std::size_t at = random.below(segments_.size());
    Segment& segment = segments_[at];
    // Damage of the newest write cannot be told from a torn one, whoever wrote it.
    const std::size_t safe = segment.synced - std::min<std::size_t>(segment.synced, 1);
    if (safe == 0) return false;
    StoredWrite& write = segment.writes[random.below(safe)];
    StoredEntry& entry = write.entries[random.below(write.entries.size())];
    if (entry.type != node::EntryType::batch || entry.damaged) return false;
    // A restart reads the headers of the newest segment, or of the one before if a roll was lost; a batch whose header is damaged there
    // is left out, with what it says of offsets and producers: no promise holds for it. Elsewhere any bit may flip.
    const std::size_t first = at + 2 < segments_.size() ? 0 : kBatchHeaderBytes;
    const std::size_t bit = random.between(first * 8, entry.payload.size() * 8 - 1);
    entry.payload[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    entry.damaged = true;
    if (watcher_) watcher_->on_damaged(entry);
    return true;
}

void SimDisk::verify_and_sync(bool keep_torn) {
    if (!segments_.empty() && segments_.back().writes.back().torn && !keep_torn) lose_last_write();
    sync();
}

std::vector<SimDisk::Place> SimDisk::batches_from(PartitionId partition, Offset offset, Offset end, std::size_t most) const {
    std::vector<Place> found;
    const auto places = index_.find(partition);
    if (places == index_.end()) return found;
    auto at = std::partition_point(places->second.begin(), places->second.end(),
                                   [&](const Indexed& place) { return place.end <= offset; });
    for (; at != places->second.end() && at->base < end && found.size() < most; ++at)
        found.push_back({at->base, at->end, at->entry});
    return found;
}

const std::deque<StoredWrite>* SimDisk::newest_segment() const {
    return segments_.empty() ? nullptr : &segments_.back().writes;
}

Offset SimDisk::end_of(PartitionId partition) const {
    const auto places = index_.find(partition);
    return places == index_.end() || places->second.empty() ? Offset{} : places->second.back().end;
}

}  // namespace sedge::sim
