#include "node/core/retention.h"

#include <algorithm>

namespace sedge::node {
namespace {

constexpr std::uint64_t kPiecesKept = 32;
constexpr std::uint64_t kLeastPieceBytes = 4096;
constexpr std::uint64_t kUnboundedPieceBytes = 8ull << 20;
constexpr std::uint64_t kUnboundedPieceMs = 24ull * 3600 * 1000;

std::uint64_t piece_bytes(const RetentionPolicy& policy, std::uint64_t total_bytes) {
    if (policy.max_bytes) return std::max(*policy.max_bytes / kPiecesKept, kLeastPieceBytes);
    return std::max(total_bytes / kPiecesKept, kUnboundedPieceBytes);
}

std::uint64_t piece_ms(const RetentionPolicy& policy) {
    return policy.max_age_ms ? *policy.max_age_ms / kPiecesKept : kUnboundedPieceMs;
}

}  // namespace

void RetentionLog::on_append(Offset base, std::uint64_t bytes, std::uint64_t append_time_ms, const RetentionPolicy& policy) {
    const bool is_full = pieces_.empty() || pieces_.back().bytes >= piece_bytes(policy, total_bytes_);
    const std::uint64_t open_ms = append_time_ms > open_since_ms_ ? append_time_ms - open_since_ms_ : open_since_ms_ - append_time_ms;
    if (is_full || open_ms > piece_ms(policy)) {
        pieces_.push_back({base, 0, 0});
        open_since_ms_ = append_time_ms;
    }
    pieces_.back().bytes += bytes;
    pieces_.back().newest_ms = std::max(pieces_.back().newest_ms, append_time_ms);
    total_bytes_ += bytes;
    if (pieces_.size() > kMaxPieces) merge_smallest();
}

void RetentionLog::undo(Offset base, std::uint64_t bytes) {
    if (pieces_.empty()) return;
    Piece& newest = pieces_.back();
    const std::uint64_t gone = std::min(bytes, newest.bytes);
    newest.bytes -= gone;
    total_bytes_ -= gone;
    if (newest.base >= base) {
        total_bytes_ -= newest.bytes;
        pieces_.pop_back();
    }
}

// Two neighbours become one: the pair with the fewest bytes, without the open piece.
void RetentionLog::merge_smallest() {
    std::size_t smallest = 0;
    for (std::size_t i = 1; i + 2 < pieces_.size(); ++i)
        if (pieces_[i].bytes + pieces_[i + 1].bytes < pieces_[smallest].bytes + pieces_[smallest + 1].bytes) smallest = i;
    pieces_[smallest].bytes += pieces_[smallest + 1].bytes;
    pieces_[smallest].newest_ms = std::max(pieces_[smallest].newest_ms, pieces_[smallest + 1].newest_ms);
    pieces_.erase(pieces_.begin() + static_cast<std::ptrdiff_t>(smallest) + 1);
}

void RetentionLog::on_start_moved(Offset start, Offset end) {
    std::size_t gone = 0;
    const auto end_of = [&](std::size_t piece) { return piece + 1 < pieces_.size() ? pieces_[piece + 1].base : end; };
    while (gone < pieces_.size() && end_of(gone) <= start) total_bytes_ -= pieces_[gone++].bytes;
    pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(gone));
}

namespace {

// A machine without a clock appends in 1970 until it learns the time. Such records are not half a century old: nothing is known of their age
// but that they are older than what follows them.
constexpr std::uint64_t kNonsensicalAgeMs = 20ull * 365 * 24 * 3600 * 1000;

// How long ago the piece was appended at least; 0 if nothing says so.
std::uint64_t age_ms(const std::vector<RetentionLog::Piece>& pieces, std::size_t piece, std::uint64_t now_ms) {
    for (; piece < pieces.size(); ++piece) {
        if (pieces[piece].newest_ms >= now_ms) return 0;
        const std::uint64_t age = now_ms - pieces[piece].newest_ms;
        if (age < kNonsensicalAgeMs) return age;
    }
    return 0;
}

}  // namespace

Offset RetentionLog::keep_from(Offset start, Offset stored_end, Offset end, const RetentionPolicy& policy,
                               std::optional<std::uint64_t> now_ms) const {
    Offset keep = start;
    std::uint64_t kept_bytes = total_bytes_;
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
        const bool is_last = i + 1 == pieces_.size();
        const Offset next = is_last ? end : pieces_[i + 1].base;
        if (next > stored_end) break;
        const bool is_old = policy.max_age_ms && now_ms && age_ms(pieces_, i, *now_ms) > *policy.max_age_ms;
        const bool is_too_much = policy.max_bytes && !is_last && kept_bytes - pieces_[i].bytes >= *policy.max_bytes;
        if (!is_old && !is_too_much) break;
        kept_bytes -= pieces_[i].bytes;
        keep = std::max(keep, next);
    }
    return keep;
}

bool RetentionLog::restore(std::vector<Piece> pieces, std::uint64_t open_since_ms) {
    if (pieces.size() > kMaxPieces) return false;
    total_bytes_ = 0;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        if (i > 0 && pieces[i].base <= pieces[i - 1].base) return false;
        total_bytes_ += pieces[i].bytes;
    }
    pieces_ = std::move(pieces);
    open_since_ms_ = open_since_ms;
    return true;
}

}  // namespace sedge::node
