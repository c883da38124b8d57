#include "client/cli/bench_arguments.h"
namespace sedge::cli {
int bench_produce(const Context&, const BenchArguments&) { return 1; }
int bench_consume(const Context&, const BenchArguments&) { return 1; }
int bench_latency(const Context&, const BenchArguments&) { return 1; }
int bench_partitions(const Context&, const BenchArguments&) { return 1; }
int bench_restart(const Context&, const BenchArguments&) { return 1; }
}
