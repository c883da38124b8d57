#include "node/core/fetch_waiters.h"

namespace sedge::node {

void FetchWaiters::add(Partition& partition, PendingFetch fetch) {
    const std::uint64_t number = next_number_++;
    deadlines_.insert({fetch.deadline_ms, number});
    ++per_connection_[fetch.from];
    partition.waiting_fetches.push_back(number);
    fetches_.emplace(number, std::move(fetch));
}

PendingFetch FetchWaiters::remove(std::uint64_t number) {
    const auto found = fetches_.find(number);
    PendingFetch fetch = std::move(found->second);
    fetches_.erase(found);
    deadlines_.erase({fetch.deadline_ms, number});
    const auto count = per_connection_.find(fetch.from);
    if (--count->second == 0) per_connection_.erase(count);
    return fetch;
}

std::vector<PendingFetch> FetchWaiters::take(Partition& partition) {
    std::vector<PendingFetch> out;
    for (const std::uint64_t number : std::exchange(partition.waiting_fetches, {})) out.push_back(remove(number));
    return out;
}

std::optional<std::uint64_t> FetchWaiters::next_deadline_ms() const {
    return deadlines_.empty() ? std::nullopt : std::optional(deadlines_.begin()->first);
}

std::size_t FetchWaiters::of_connection(const ConnectionId& connection) const {
    const auto found = per_connection_.find(connection);
    return found == per_connection_.end() ? 0 : found->second;
}

}  // namespace sedge::node
