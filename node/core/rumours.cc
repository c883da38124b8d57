#include "node/core/rumours.h"

#include <algorithm>
#include <cmath>

namespace sedge::node {

std::uint32_t Rumours::limit(std::size_t nodes, std::uint32_t multiplier) {
    const double rounds = std::ceil(std::log10(static_cast<double>(nodes) + 1.0));
    return multiplier * std::max(1u, static_cast<std::uint32_t>(rounds));
}

void Rumours::add(const Member& member) { told_[member.id] = Told{member, 0, ++added_}; }

std::vector<Member> Rumours::take(std::size_t count, std::uint32_t limit) {
    std::vector<Told*> order;
    order.reserve(told_.size());
    for (auto& [id, told] : told_) order.push_back(&told);
    std::sort(order.begin(), order.end(), [](const Told* a, const Told* b) {
        return a->times != b->times ? a->times < b->times : a->added > b->added;
    });
    std::vector<Member> out;
    for (Told* told : order) {
        if (out.size() == count) break;
        out.push_back(told->member);
        ++told->times;
    }
    std::erase_if(told_, [limit](const auto& entry) { return entry.second.times >= limit; });
    return out;
}

}  // namespace sedge::node
