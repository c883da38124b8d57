// Gathers the one-record requests of a turn into a batch per partition, so that clients that do not batch are fast too.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "node/core/partition.h"
#include "schema/bytes.h"
#include "schema/record_batch.h"

namespace sedge::node {

struct Topic;

class Coalescer {
  public:
    // One record of a request. `headers` and the views outlive the call that they are given to.
    struct Record {
        std::uint64_t timestamp_ms = 0;
        std::optional<ByteView> key;
        std::optional<ByteView> value;
        const std::vector<RecordHeader>* headers = nullptr;
    };
    // What the record takes in a batch: exactly if it is the first of it, else at most kMaxDeltaBytes - 1 more.
    static std::size_t size_bytes(const Record& record);
    static constexpr std::size_t kMaxDeltaBytes = 9;

    // Is a batch of this partition open, and does it take the record without growing beyond max_batch_bytes?
    bool has_room(const Partition& partition, std::size_t record_bytes, std::size_t max_batch_bytes) const;
    bool is_open(const Partition& partition) const;
    // Opens a batch if none is open. `topic` and `partition` live until it is closed.
    void add(Topic& topic, Partition& partition, const Record& record);

    bool empty() const { return used_ == 0; }

    // Calls append(topic, partition, Buffer batch) for an open batch, unstamped.
    template <class Append>
    void close(Partition& partition, Append&& append) {
        if (!is_open(partition)) return;
        append(*slots_[partition.open_slot].topic, partition, finish(partition.open_slot));
    }
    // In the order in which the partitions were first written to in this turn.
    template <class Append>
    void close_all(Append&& append) {
        for (std::size_t i = 0; i < used_; ++i) {
            Slot& slot = slots_[i];
            if (!slot.builder.empty()) append(*slot.topic, *slot.partition, finish(i));
            slot.partition->open_slot = Partition::kNoSlot;
        }
        used_ = 0;
        if (slots_.size() > kKeptSlots) slots_.resize(kKeptSlots);
    }

  private:
    // Slots and their buffers are kept for the next turn, but never more than a few megabytes in all.
    static constexpr std::size_t kKeptSlots = 1024, kLargeSlots = 8;
    static constexpr std::size_t kKeptBytes = 4096, kKeptLargeBytes = 256u << 10;
    struct Slot {
        Topic* topic = nullptr;
        Partition* partition = nullptr;
        BatchBuilder builder;
    };
    Buffer finish(std::size_t slot);

    std::deque<Slot> slots_;
    std::size_t used_ = 0;
    std::vector<RecordHeader> no_headers_;  // always empty
};

}  // namespace sedge::node
