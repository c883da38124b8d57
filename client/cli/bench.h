// The `sedge bench` commands: how the command line finds them.
#pragma once

#include "client/cli/context.h"

namespace CLI {
class App;
}

namespace sedge::cli {

// Adds "bench" and its verbs to `app`. A verb's callback sets context.action. `context` outlives `app`.
void add_bench_commands(CLI::App& app, Context& context);

}  // namespace sedge::cli
