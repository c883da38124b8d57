// Which offsets of a partition were appended when, coarsely: enough to find how far retention may move the log's start.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "schema/ids.h"

namespace sedge::node {

class RetentionMarks {
  public:
    // The records from `base` up to the next mark were appended from `append_time_ms` on; `bytes_before` had been appended before them.
    struct Mark {
        Offset base;
        std::uint64_t append_time_ms = 0;
        std::uint64_t bytes_before = 0;
        bool operator==(const Mark&) const = default;
    };

    void on_append(Offset base, std::uint64_t append_time_ms, std::uint64_t size_bytes);
    // Everything below `start` is gone.
    void on_start_moved(Offset start);

    // The lowest offset that must stay: records appended before `oldest_ms` may go, and the oldest ones while more than `max_bytes` are
    // kept. Whole marks only, and never more than what lies below `end`.
    Offset keep_from(Offset start, Offset end, std::optional<std::uint64_t> oldest_ms, std::optional<std::uint64_t> max_bytes) const;

    std::uint64_t bytes() const { return marks_.empty() ? 0 : appended_bytes_ - marks_.front().bytes_before; }
    std::uint64_t appended_bytes() const { return appended_bytes_; }
    std::uint64_t last_append_ms() const { return last_append_ms_; }
    const std::deque<Mark>& marks() const { return marks_; }
    void restore(std::deque<Mark> marks, std::uint64_t appended_bytes, std::uint64_t last_append_ms);
    bool operator==(const RetentionMarks&) const = default;

  private:
    void thin_out();
    std::deque<Mark> marks_;
    std::uint64_t appended_bytes_ = 0;
    std::uint64_t last_append_ms_ = 0;
    std::uint64_t bytes_apart_ = 0;  // 0: not chosen yet
};

}  // namespace sedge::node
