#include "node/core/segment_budget.h"

#include <algorithm>

#include "schema/limits.h"

namespace sedge::node {
namespace {

constexpr std::uint64_t kLargestRequestBytes = limits::kMaxBatchBytes + 4 * kJournalPageBytes;

}  // namespace

SegmentBudget::SegmentBudget(std::uint64_t segment_bytes, std::uint64_t admin_reserve_bytes)
    : segment_bytes_(segment_bytes), reserve_bytes_(std::min(admin_reserve_bytes, segment_bytes / 4)) {}

std::uint64_t SegmentBudget::entry_bytes(std::uint64_t payload_bytes) { return journal_entry_bytes(payload_bytes); }

bool SegmentBudget::fits(std::uint64_t entry_bytes, bool admin) const {
    const std::uint64_t limit = segment_bytes_ - (admin ? 0 : reserve_bytes_);
    return is_open_ && used_bytes_ + journal_cost_of(entry_bytes) <= limit;
}

// Half a segment is left to the checkpoint before it.
bool SegmentBudget::is_storable(std::uint64_t payload_bytes) const {
    return journal_cost_of(entry_bytes(payload_bytes)) <= segment_bytes_ / 2;
}

bool SegmentBudget::is_low(std::uint64_t open_entry_bytes) const {
    const std::uint64_t large = std::min<std::uint64_t>(kLargestRequestBytes, segment_bytes_ / 4);
    return !fits(open_entry_bytes + large, false);
}

void SegmentBudget::on_roll(std::uint64_t now_ms) {
    room_.next_segment_ready = false;
    used_bytes_ = 0;
    opened_ms_ = now_ms;
    has_records_ = false;
    is_open_ = true;
}

void SegmentBudget::on_write(const JournalWrite& write) { used_bytes_ += journal_cost(write); }

}  // namespace sedge::node
