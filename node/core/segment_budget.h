// When the open segment is full. Counts with the same upper bound as the journal does (see journal_cost()), so that both agree.
//
// Invariant: a write that fits() never makes a segment larger than its size; what is not administrative leaves the reserve free.
#pragma once

#include <cstdint>

#include "node/core/journal_write.h"

namespace sedge::node {

class SegmentBudget {
  public:
    SegmentBudget(std::uint64_t segment_bytes, std::uint64_t admin_reserve_bytes);

    // What an entry takes of a write, its header included.
    static std::uint64_t entry_bytes(std::uint64_t payload_bytes);

    // May a write whose entries take `entry_bytes` in all go into the open segment? `admin`: it may use the reserve.
    bool fits(std::uint64_t entry_bytes, bool admin) const;
    // Could an entry with such a payload ever be stored, in a segment of its own?
    bool is_storable(std::uint64_t payload_bytes) const;
    // Nearly full: the next large request may need another segment.
    bool is_low(std::uint64_t open_entry_bytes) const;

    bool is_open() const { return is_open_; }
    bool can_roll() const { return room_.next_segment_ready; }
    bool disk_full() const { return room_.disk_full && !room_.next_segment_ready; }
    bool has_records() const { return has_records_; }
    bool is_older_than(std::uint64_t age_ms, std::uint64_t now_ms) const { return now_ms >= opened_ms_ + age_ms; }
    std::uint64_t used_bytes() const { return used_bytes_; }

    void on_room(JournalRoom room) { room_ = room; }
    void on_roll(std::uint64_t now_ms);
    void on_write(const JournalWrite& write);
    void on_record() { has_records_ = true; }

  private:
    const std::uint64_t segment_bytes_;
    const std::uint64_t reserve_bytes_;
    JournalRoom room_;
    std::uint64_t used_bytes_ = 0;
    std::uint64_t opened_ms_ = 0;  // monotonic
    bool has_records_ = false;
    bool is_open_ = false;  // false until this start's first roll: nothing is appended to what an earlier start left
};

}  // namespace sedge::node
