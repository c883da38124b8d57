// Fetches that wait for records: by partition (an append wakes them) and by deadline.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

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
    // Takes out all that wait on this partition.
    std::vector<PendingFetch> take(Partition& partition);
    // Takes out those whose deadline has come; `partition_of` finds a partition or nullptr.
    template <class Find>
    std::vector<PendingFetch> take_expired(std::uint64_t now_ms, Find&& partition_of);
    std::optional<std::uint64_t> next_deadline_ms() const;

    std::size_t size() const { return fetches_.size(); }
    std::size_t of_connection(const ConnectionId& connection) const;

  private:
    PendingFetch remove(std::uint64_t number);
    std::map<std::uint64_t, PendingFetch> fetches_;
    std::set<std::pair<std::uint64_t, std::uint64_t>> deadlines_;  // (deadline, number)
    std::map<ConnectionId, std::size_t> per_connection_;
    std::uint64_t next_number_ = 1;
};

template <class Find>
std::vector<PendingFetch> FetchWaiters::take_expired(std::uint64_t now_ms, Find&& partition_of) {
    std::vector<PendingFetch> out;
    while (!deadlines_.empty() && deadlines_.begin()->first <= now_ms) {
        const std::uint64_t number = deadlines_.begin()->second;
        if (Partition* partition = partition_of(fetches_.at(number).partition)) std::erase(partition->waiting_fetches, number);
        out.push_back(remove(number));
    }
    return out;
}

}  // namespace sedge::node
