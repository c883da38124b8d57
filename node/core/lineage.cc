#include "node/core/lineage.h"

#include <algorithm>
#include <cassert>

namespace sedge::node {

void Lineage::on_append(Epoch epoch, Offset offset) {
    if (!steps_.empty() && steps_.back().epoch == epoch) return;
    assert(steps_.empty() || (steps_.back().epoch < epoch && steps_.back().first < offset));
    steps_.push_back({epoch, offset});
}

void Lineage::truncate(Offset end) {
    while (!steps_.empty() && steps_.back().first >= end) steps_.pop_back();
}

void Lineage::forget_below(Offset start) {
    while (steps_.size() > 1 && steps_[1].first <= start) steps_.erase(steps_.begin());
}

std::optional<Epoch> Lineage::last_epoch() const {
    return steps_.empty() ? std::nullopt : std::optional(steps_.back().epoch);
}

std::optional<Epoch> Lineage::epoch_of(Offset offset) const {
    std::optional<Epoch> found;
    for (const Step& step : steps_) {
        if (step.first > offset) break;
        found = step.epoch;
    }
    return found;
}

std::optional<Lineage> Lineage::from_steps(std::vector<Step> steps) {
    const auto not_rising = [](const Step& a, const Step& b) { return a.epoch >= b.epoch || a.first >= b.first; };
    if (std::adjacent_find(steps.begin(), steps.end(), not_rising) != steps.end()) return std::nullopt;
    Lineage lineage;
    lineage.steps_ = std::move(steps);
    return lineage;
}

namespace {

// Where the records of step `i` end.
Offset end_of(std::span<const Lineage::Step> steps, std::size_t i, Offset log_end) {
    return i + 1 < steps.size() ? steps[i + 1].first : log_end;
}

}  // namespace

Offset common_end(const Lineage& mine, Offset my_end, const Lineage& theirs, Offset their_end) {
    // The newest epoch that both know decides: of its records both have a prefix, and behind it they differ.
    for (std::size_t i = mine.steps().size(); i-- > 0;) {
        for (std::size_t j = theirs.steps().size(); j-- > 0;) {
            if (mine.steps()[i].epoch != theirs.steps()[j].epoch) continue;
            return std::min(end_of(mine.steps(), i, my_end), end_of(theirs.steps(), j, their_end));
        }
    }
    // No epoch in common: they share at most what lies below both their first steps, and nothing says that it is the same.
    return Offset{0};
}

}  // namespace sedge::node
