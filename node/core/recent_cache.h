// Keeps the newest batches of all partitions in memory within one budget, so that consumers at the end never touch the disk.
// The batch that was appended first leaves first. A batch shares its memory with the message that it came in.
#pragma once

#include <cstdint>
#include <deque>

#include "node/core/catalogue.h"
#include "node/core/partition.h"

namespace sedge::node {

class RecentCache {
  public:
    // `catalogue` outlives the cache.
    RecentCache(Catalogue& catalogue, std::size_t budget_bytes) : catalogue_(catalogue), budget_bytes_(budget_bytes) {}

    void add(Partition& partition, Offset base, Offset end, SharedBytes bytes);
    // The batches from the one that holds `offset` on, below `end`, up to max_bytes (one at least). Empty: not in memory.
    // `read_to`, if given: where they end.
    static std::vector<SharedBytes> read(const Partition& partition, Offset offset, Offset end, std::size_t max_bytes,
                                         Offset* read_to = nullptr);

    std::size_t bytes() const { return used_bytes_; }

  private:
    struct Entry {
        PartitionId partition;
        Offset base;
        std::size_t cost_bytes;
    };
    void evict_oldest();
    Catalogue& catalogue_;
    const std::size_t budget_bytes_;
    std::size_t used_bytes_ = 0;
    std::deque<Entry> order_;
};

}  // namespace sedge::node
