// A hook that adds nothing yet: the benchmarks come with the first end-to-end build.
#include "client/cli/bench.h"

namespace sedge::cli {

void add_bench_commands(CLI::App&, Context&) {}

}  // namespace sedge::cli
