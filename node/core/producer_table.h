// What one partition remembers of its idempotent producers, so that a retry after any outage is recognised (KIP-98).
//
// Invariant: the table is a function of the partition's batches in order; restoring them restores it. So one (producer, sequence) is
// stored once.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "schema/ids.h"
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
        std::uint32_t epoch = 0;
        std::uint64_t last_append_ms = 0;
        std::deque<Batch> batches;  // the newest limits::kBatchesInFlight, oldest first; never empty
        bool operator==(const Producer&) const = default;
    };

    // May this batch be appended? ok: yes. A duplicate: `original` is set, nothing must be appended, and it is answered on the
    // original's condition. Otherwise the error to answer.
    Status check(const BatchHeader& batch, std::optional<Batch>& original) const;
    // The batch was appended at its base_offset and append_time_ms. At most `max_producers` are remembered: those idle for longer than
    // `expiry_ms` go first, then the one idle for the longest.
    void on_append(const BatchHeader& batch, std::size_t max_producers, std::uint64_t expiry_ms);

    const std::map<ProducerId, Producer>& producers() const { return producers_; }
    void restore(ProducerId id, Producer producer) { producers_[id] = std::move(producer); }
    bool operator==(const ProducerTable&) const = default;

  private:
    void make_room(std::uint64_t now_ms, std::size_t max_producers, std::uint64_t expiry_ms);
    std::map<ProducerId, Producer> producers_;
};

}  // namespace sedge::node
