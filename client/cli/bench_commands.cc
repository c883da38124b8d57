// The command line of `sedge bench`.
#include <CLI/CLI.hpp>
#include <memory>

#include "client/cli/bench.h"
#include "client/cli/bench_arguments.h"
#include "schema/limits.h"

namespace sedge::cli {
namespace {

using Run = int (*)(const Context&, const BenchArguments&);

CLI::App* add_verb(CLI::App& bench, Context& context, const std::shared_ptr<BenchArguments>& arguments, const char* name,
                   const char* help, Run run) {
    auto* verb = bench.add_subcommand(name, help);
    verb->add_option("--rounds", arguments->rounds, "Rounds of limit and work in turns; medians count")->capture_default_str()->check(CLI::PositiveNumber);
    verb->add_option("--size", arguments->size_bytes, "Bytes in each round, for example 256MB")->transform(CLI::AsSizeValue(false));
    verb->add_option("--records", arguments->records, "Records in each round");
    verb->add_option("--in-flight", arguments->in_flight, "Requests that wait for their answer at the same time");
    verb->add_option("--dir", arguments->directory, "Where the disk's limits are measured: on the disk that the node uses")->capture_default_str()->check(CLI::ExistingDirectory);
    verb->callback([&context, arguments, run] { context.action = [&context, arguments, run] { return run(context, *arguments); }; });
    return verb;
}

void add_work_options(CLI::App& verb, const std::shared_ptr<BenchArguments>& arguments) {
    verb.add_option("--topic", arguments->topic, "An existing topic; default: one made for this and deleted afterwards");
    verb.add_option("--record-bytes", arguments->record_bytes, "Size of a record's value");
    verb.add_option("--acks", arguments->acks, "Wait for: 0, 1 (the leader's disk), all (in-sync replicas' disks)")->capture_default_str()->check(CLI::IsMember({"0", "1", "all"}));
    verb.add_option("--durability", arguments->durability, "Of the topic made for this: fsync, or os (acknowledged before it is on the disk)")
        ->capture_default_str()
        ->check(CLI::IsMember({"fsync", "os"}));
    verb.add_option("--replicas", arguments->replicas, "Of the topic made for this; all of them are in sync before it begins")
        ->capture_default_str()
        ->check(CLI::Range(1u, limits::kMaxReplicas));
    verb.add_option("--warm-up", arguments->warm_up, "Rounds before, which do not count: so that the node reuses files whose blocks were written");
    verb.add_flag("--no-limit", arguments->no_limit, "Only the work, without the limit beside it");
}

void add_batch_options(CLI::App& verb, const std::shared_ptr<BenchArguments>& arguments) {
    verb.add_option("--batch-bytes", arguments->batch_bytes, "Size of a client's batch");
    verb.add_flag("--per-request", arguments->per_request, "A request for every record");
}

}  // namespace

void add_bench_commands(CLI::App& app, Context& context) {
    auto* bench = app.add_subcommand("bench", "How fast this machine and the mesh are, each figure beside its limit\n\n"
                                              "Example: sedge bench produce --per-request --in-flight 1000");
    bench->require_subcommand(1);
    auto arguments = std::make_shared<BenchArguments>();

    auto* limits = add_verb(*bench, context, arguments, "limits", "What sockets and disk allow, without a broker\n\nExample: sedge bench limits echo disk", bench_limits);
    limits->add_option("which", arguments->limits, "echo, round-trip, stream, disk, fsync; default: all")
        ->check(CLI::IsMember({"echo", "round-trip", "stream", "disk", "fsync"}));

    auto* produce = add_verb(*bench, context, arguments, "produce", "Publish in client batches, or with --per-request a request for every record\n\nExample: sedge bench produce --size 512MB", bench_produce);
    add_work_options(*produce, arguments);
    add_batch_options(*produce, arguments);
    produce->add_flag("--library", arguments->library, "Through libsedge, instead of straight on a socket");

    auto* consume = add_verb(*bench, context, arguments, "consume", "Read batches, check them and visit every record\n\nExample: sedge bench consume --size 1GB", bench_consume);
    add_work_options(*consume, arguments);
    add_batch_options(*consume, arguments);
    consume->add_flag("--library", arguments->library, "Through libsedge, instead of straight on a socket");
    consume->add_option("--partitions", arguments->partitions, "Read from this many at the same time");

    auto* latency = add_verb(*bench, context, arguments, "latency", "Publish one record at a time\n\nExample: sedge bench latency --records 5000", bench_latency);
    add_work_options(*latency, arguments);

    auto* partitions = add_verb(*bench, context, arguments, "partitions", "Publish to many partitions, and to one\n\nExample: sedge bench partitions --partitions 1000", bench_partitions);
    add_work_options(*partitions, arguments);
    add_batch_options(*partitions, arguments);
    partitions->add_option("--partitions", arguments->partitions, "How many");

    auto* restart = add_verb(*bench, context, arguments, "restart", "Start a node of its own, fill it, kill it with -9, and time its next start\n\nExample: sedge bench restart --size 10GB", bench_restart);
    restart->add_option("--sedged", arguments->sedged, "The daemon's program; default: the one beside this one");
}

}  // namespace sedge::cli
