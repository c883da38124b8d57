#include "node/core/fetch_waiters.h"

#include <algorithm>

namespace sedge::node {

void FetchWaiters::add(Partition& partition, PendingFetch fetch) {
    const std::uint64_t number = next_number_++;
    deadlines_.insert({fetch.deadline_ms, number});
    // Expired ones are left in the list and swept together, since taking each out of the middle would cost the square of their number.
    constexpr std::size_t kFewExpired = 16;
    if (partition.waiting_fetches.size() > 2 * partition.waiting_count + kFewExpired)
        std::erase_if(partition.waiting_fetches, [this](std::uint64_t each) { return !fetches_.contains(each); });
    ++partition.waiting_count;
    partition.waiting_fetches.push_back(number);
    fetches_.emplace(number, std::move(fetch));
}

PendingFetch FetchWaiters::remove(std::uint64_t number) {
    const auto found = fetches_.find(number);
    PendingFetch fetch = std::move(found->second);
    fetches_.erase(found);
    deadlines_.erase({fetch.deadline_ms, number});
    return fetch;
}

std::vector<PendingFetch> FetchWaiters::take(Partition& partition) {
    std::vector<PendingFetch> out;
    out.reserve(partition.waiting_count);
    for (const std::uint64_t number : std::exchange(partition.waiting_fetches, {}))
        if (fetches_.contains(number)) out.push_back(remove(number));
    partition.waiting_count = 0;
    return out;
}

std::vector<PendingFetch> FetchWaiters::take_expired(std::uint64_t now_ms, Catalogue& catalogue) {
    std::vector<PendingFetch> out;
    while (!deadlines_.empty() && deadlines_.begin()->first <= now_ms) {
        const std::uint64_t number = deadlines_.begin()->second;
        out.push_back(remove(number));
        if (Partition* partition = catalogue.find(out.back().partition)) --partition->waiting_count;
    }
    return out;
}

std::optional<std::uint64_t> FetchWaiters::next_deadline_ms() const {
    if (deadlines_.empty()) return std::nullopt;
    return deadlines_.begin()->first;
}

}  // namespace sedge::node
