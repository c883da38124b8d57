// Fetches that wait for records: by partition (an append wakes them) and by deadline. How many may wait is ClientAccounts' matter.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "node/core/catalogue.h"
#include "node/core/effects.h"
#include "node/core/partition.h"
#include "schema/ids.h"

namespace sedge::node {

// A fetch with everything that is needed to answer it later. It names its partition by id, since the topic may go meanwhile.
struct PendingFetch {
    ConnectionId from;
    std::uint64_t correlation_id = 0;
    PartitionId partition;
    Offset offset;
    std::size_t max_bytes = 0;
    bool plain = false;
    std::uint64_t deadline_ms = 0;  // monotonic
};

class FetchWaiters {
  public:
    void add(Partition& partition, PendingFetch fetch);
    // Takes out all that wait on this partition, in the order of their coming.
    std::vector<PendingFetch> take(Partition& partition);
    // Takes out those whose deadline has come, the earliest first.
    std::vector<PendingFetch> take_expired(std::uint64_t now_ms, Catalogue& catalogue);
    std::optional<std::uint64_t> next_deadline_ms() const;
    std::size_t size() const { return fetches_.size(); }

  private:
    PendingFetch remove(std::uint64_t number);

    std::map<std::uint64_t, PendingFetch> fetches_;
    std::set<std::pair<std::uint64_t, std::uint64_t>> deadlines_;  // (deadline, number)
    std::uint64_t next_number_ = 1;
};

}  // namespace sedge::node
