// Metrics in Prometheus' text format, version 0.0.4.
#pragma once

#include <string>
#include <vector>

#include "node/core/broker.h"

namespace sedge::node {

// Metrics of one name must stand together: HELP and TYPE are written where the name changes.
std::string metrics_text(const std::vector<Metric>& metrics);

}  // namespace sedge::node
