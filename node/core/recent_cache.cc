#include "node/core/recent_cache.h"

#include <algorithm>

namespace sedge::node {
namespace {

// What a batch costs beside its bytes: its places in two queues and its owner's bookkeeping.
constexpr std::size_t kOverheadBytes = 192;

// Batches below this are joined into one buffer: a frame each would cost more than the copy.
constexpr std::size_t kJoinBelowBytes = 16u << 10;

void append_batch(std::vector<SharedBytes>& out, Buffer& joined, const SharedBytes& batch) {
    if (batch.size() >= kJoinBelowBytes) {
        if (!joined.empty()) out.push_back(SharedBytes::take(std::exchange(joined, {})));
        out.push_back(batch);
        return;
    }
    const ByteView bytes = batch.view();
    joined.insert(joined.end(), bytes.begin(), bytes.end());
}

}  // namespace

void RecentCache::add(Partition& partition, Offset base, Offset end, SharedBytes bytes) {
    const std::size_t cost_bytes = bytes.size() + kOverheadBytes;
    if (partition.recent == nullptr) partition.recent = std::make_unique<std::deque<RecentBatch>>();
    partition.recent->push_back({base, end, std::move(bytes)});
    order_.push_back({partition.id, base, cost_bytes});
    used_bytes_ += cost_bytes;
    while (used_bytes_ > budget_bytes_) evict_oldest();
}

void RecentCache::evict_oldest() {
    const Entry& oldest = order_.front();
    used_bytes_ -= oldest.cost_bytes;
    // A deleted topic took its partitions' batches with it; only their entries here were left.
    if (Partition* partition = catalogue_.find(oldest.partition);
        partition != nullptr && partition->recent != nullptr && partition->recent->front().base == oldest.base) {
        partition->recent->pop_front();
        if (partition->recent->empty()) partition->recent.reset();
    }
    order_.pop_front();
}

std::vector<SharedBytes> RecentCache::read(const Partition& partition, Offset offset, Offset end, std::size_t max_bytes,
                                           Offset* read_to) {
    std::vector<SharedBytes> out;
    if (partition.recent == nullptr || offset < partition.recent->front().base) return out;
    const auto& recent = *partition.recent;
    auto at = std::upper_bound(recent.begin(), recent.end(), offset,
                               [](Offset wanted, const RecentBatch& batch) { return wanted < batch.end; });
    Buffer joined;
    std::size_t taken = 0;
    for (; at != recent.end() && at->end <= end; ++at) {
        if (taken > 0 && taken + at->bytes.size() > max_bytes) break;
        taken += at->bytes.size();
        append_batch(out, joined, at->bytes);
        if (read_to != nullptr) *read_to = at->end;
    }
    if (!joined.empty()) out.push_back(SharedBytes::take(std::move(joined)));
    return out;
}

}  // namespace sedge::node
