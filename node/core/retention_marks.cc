#include "node/core/retention_marks.h"

#include <algorithm>

namespace sedge::node {
namespace {

constexpr std::size_t kMaxMarks = 128;
constexpr std::uint64_t kLeastBytesApart = 64u << 10;
constexpr std::uint64_t kTimeApartMs = 60'000;  // idle partitions: a mark a minute, thinned out as they gather

}  // namespace

void RetentionMarks::on_append(Offset base, std::uint64_t append_time_ms, std::uint64_t size_bytes) {
    bytes_apart_ = std::max(bytes_apart_, kLeastBytesApart);
    const bool far = marks_.empty() || appended_bytes_ >= marks_.back().bytes_before + bytes_apart_ ||
                     append_time_ms >= marks_.back().append_time_ms + kTimeApartMs;
    if (far) marks_.push_back({base, append_time_ms, appended_bytes_});
    if (marks_.size() > kMaxMarks) thin_out();
    appended_bytes_ += size_bytes;
    // A clock that was set back must not make records look younger than what was appended before them.
    last_append_ms_ = std::max(last_append_ms_, append_time_ms);
}

void RetentionMarks::thin_out() {
    bytes_apart_ *= 2;
    std::deque<Mark> kept;
    for (std::size_t i = 0; i < marks_.size(); i += 2) kept.push_back(marks_[i]);
    marks_ = std::move(kept);
}

void RetentionMarks::on_start_moved(Offset start) {
    while (marks_.size() > 1 && marks_[1].base <= start) marks_.pop_front();
    if (!marks_.empty() && marks_.front().base < start && marks_.size() == 1) {
        // Nothing says how many bytes of the last mark are left; when none are, the log is empty.
        marks_.front().base = start;
    }
}

Offset RetentionMarks::keep_from(Offset start, Offset end, std::optional<std::uint64_t> oldest_ms,
                                 std::optional<std::uint64_t> max_bytes) const {
    Offset keep = start;
    for (std::size_t i = 0; i < marks_.size(); ++i) {
        const bool last = i + 1 == marks_.size();
        const Offset next = last ? end : marks_[i + 1].base;
        if (next > end) break;
        const std::uint64_t newest_ms = last ? last_append_ms_ : marks_[i + 1].append_time_ms;
        const std::uint64_t bytes_left = last ? 0 : appended_bytes_ - marks_[i + 1].bytes_before;
        const bool too_old = oldest_ms && newest_ms < *oldest_ms;
        const bool too_much = max_bytes && !last && bytes_left >= *max_bytes;
        if (!too_old && !too_much) break;
        keep = std::max(keep, next);
    }
    return keep;
}

void RetentionMarks::restore(std::deque<Mark> marks, std::uint64_t appended_bytes, std::uint64_t last_append_ms) {
    marks_ = std::move(marks);
    appended_bytes_ = appended_bytes;
    last_append_ms_ = last_append_ms;
}

}  // namespace sedge::node
