// Which offsets of a partition were appended when, coarsely: enough to find how far retention may move the log's start.
//
// The log is seen as a row of pieces. Retention drops whole pieces, oldest first: all of a piece's records are old enough, or the log is
// large enough without it. A piece is a 32nd of what is kept, so that about a 32nd too much is kept.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "schema/ids.h"

namespace sedge::node {

struct RetentionPolicy {
    std::optional<std::uint64_t> max_age_ms;  // nullopt: for ever
    std::optional<std::uint64_t> max_bytes;   // nullopt: no bound
};

class RetentionLog {
  public:
    struct Piece {
        Offset base;
        std::uint64_t bytes = 0;
        std::uint64_t newest_ms = 0;  // the latest append time in it; later pieces may be earlier if the clock was set back
        bool operator==(const Piece&) const = default;
    };
    static constexpr std::size_t kMaxPieces = 64;

    void on_append(Offset base, std::uint64_t bytes, std::uint64_t append_time_ms, const RetentionPolicy& policy);
    // The newest batch, which begins at `base`, was cut off.
    void undo(Offset base, std::uint64_t bytes);
    // Everything below `start` is gone; `end` is the end of the log.
    void on_start_moved(Offset start, Offset end);

    // The lowest offset that must stay, not below `start`. What is not stored yet, from `stored_end` to the log's `end`, stays in any case.
    // `now_ms`: nullopt if nobody knows the time.
    Offset keep_from(Offset start, Offset stored_end, Offset end, const RetentionPolicy& policy, std::optional<std::uint64_t> now_ms) const;

    std::uint64_t bytes() const { return total_bytes_; }

    // For checkpoints.
    const std::vector<Piece>& pieces() const { return pieces_; }
    std::uint64_t open_since_ms() const { return open_since_ms_; }
    // False if the pieces make no sense.
    bool restore(std::vector<Piece> pieces, std::uint64_t open_since_ms);
    bool operator==(const RetentionLog&) const = default;

  private:
    void merge_smallest();

    std::vector<Piece> pieces_;  // the last one is open
    std::uint64_t open_since_ms_ = 0;
    std::uint64_t total_bytes_ = 0;
};

}  // namespace sedge::node
