// The same work through libsedge, as an application does it.
#pragma once

#include <cstdint>
#include <string>

#include "client/cli/bench_publish.h"
#include "client/cli/context.h"

namespace sedge::cli {

// Publishes as many records as the plan holds, one send() for each, from one thread; ends when all are acknowledged.
Result<Figures> publish_by_library(const Context& context, const std::string& topic, const PublishPlan& plan);

// Reads `records` records from the beginning of a topic, and looks at each.
Result<Figures> consume_by_library(const Context& context, const std::string& topic, std::uint64_t records);

}  // namespace sedge::cli
