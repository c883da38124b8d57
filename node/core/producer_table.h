// What one partition remembers of its idempotent producers, so that a retry after any outage is recognised (KIP-98).
//
// Invariant: the table is a function of the partition's batches in order; restoring them restores it. So one (producer, sequence) is
// stored once.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <optional>
#include <span>
#include <unordered_map>

#include "schema/ids.h"
#include "schema/limits.h"
#include "schema/record_batch.h"
#include "schema/status.h"

namespace sedge::node {

class ProducerTable {
  public:
    struct Batch {
        std::uint32_t base_sequence = 0;
        std::uint32_t count = 0;
        Offset base_offset;
        bool operator==(const Batch&) const = default;
    };
    struct Producer {
        ProducerId id;
        std::uint32_t epoch = 0;
        std::uint64_t last_used_ms = 0;  // by the table's own clock
        std::uint32_t known = 0;         // of `newest`; 1 or more once it is in a table
        std::array<Batch, limits::kBatchesInFlight> newest{};  // oldest first

        std::span<const Batch> batches() const { return {newest.data(), known}; }
        void remember(const Batch& batch);
        bool operator==(const Producer&) const = default;
    };
    // The time that producers age by: append times, less the steps of a clock that was set. A machine that boots in 1970 and then learns the
    // time must not forget everyone.
    struct Clock {
        std::uint64_t passed_ms = 0;
        std::uint64_t last_append_ms = 0;
        bool operator==(const Clock&) const = default;
    };

    // May this batch be appended? ok: yes. A duplicate: `original` is set, nothing must be appended, and it is answered on the
    // original's condition. Otherwise the error to answer.
    Status check(const BatchHeader& batch, std::optional<Batch>& original) const;
    // The batch was appended at its base_offset and append_time_ms. Those idle for longer than `expiry_ms` are forgotten, and the ones
    // idle for the longest while more than `max_producers` (1 at least) are known.
    void on_append(const BatchHeader& batch, std::size_t max_producers, std::uint64_t expiry_ms);

    // Takes back the newest batch of a producer: `before` is what find() said before it, and `clock` the clock then.
    void undo(ProducerId id, const std::optional<Producer>& before, const Clock& clock);

    std::size_t size() const { return producers_.size(); }
    const Producer* find(ProducerId id) const;

    // For checkpoints: the one idle for the longest first. Restoring is in the same order; false if the producer makes no sense.
    const std::list<Producer>& producers() const { return producers_; }
    const Clock& clock() const { return clock_; }
    bool restore(const Producer& producer);
    void restore_clock(const Clock& clock) { clock_ = clock; }

  private:
    struct IdHash {
        std::size_t operator()(ProducerId id) const { return static_cast<std::size_t>(id.value); }
    };
    void advance_clock(std::uint64_t append_time_ms);
    void forget_idlest();

    std::list<Producer> producers_;
    std::unordered_map<ProducerId, std::list<Producer>::iterator, IdHash> by_id_;  // looked up, never iterated
    Clock clock_;
};

}  // namespace sedge::node
