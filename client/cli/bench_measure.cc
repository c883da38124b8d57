#include "client/cli/bench_measure.h"

#include <algorithm>
#include <cstddef>

namespace sedge::cli {
namespace {

constexpr double kNsPerUs = 1e3;

}  // namespace

void Latencies::summarise(Figures& figures) {
    if (ns_.empty()) return;
    std::sort(ns_.begin(), ns_.end());
    const auto at = [&](double part) {
        const auto index = static_cast<std::size_t>(part * static_cast<double>(ns_.size()));
        return static_cast<double>(ns_[std::min(index, ns_.size() - 1)]) / kNsPerUs;
    };
    figures.p50_us = at(0.5);
    figures.p99_us = at(0.99);
    figures.p999_us = at(0.999);
    figures.max_us = at(1);
}

double median(std::vector<double> values) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    const auto middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace sedge::cli
