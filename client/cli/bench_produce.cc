// `sedge bench produce`, `latency` and `partitions`: publishing beside the limit that it is held against.
#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <optional>

#include "client/cli/bench_arguments.h"
#include "client/cli/bench_library.h"
#include "client/cli/bench_limits.h"
#include "client/cli/bench_publish.h"
#include "client/cli/bench_report.h"

namespace sedge::cli {
namespace {

constexpr std::uint64_t kOneAtATime = 2'000;
constexpr std::uint32_t kManyPartitions = 1'000;
constexpr std::uint32_t kPartitionBatchBytes = 16u << 10;
constexpr std::uint32_t kPartitionBatchesInFlight = 256;

using Work = std::function<Result<Figures>()>;

int run(const Context& context, const BenchArguments& arguments, const char* what, const Work& limit, const Work& work,
        BenchReport report) {
    for (std::uint32_t i = 0; i < arguments.warm_up; ++i) {
        const auto figures = work();
        if (!figures.ok()) return report_failure(context, what, figures.status(), context.nodes.front());
    }
    const auto status = take_turns(arguments.rounds, arguments.no_limit ? Work{} : limit, work, report);
    if (!status.ok()) return report_failure(context, what, status, context.nodes.front());
    print_report(context, report);
    return kDone;
}

const char* by(const BenchArguments& arguments) { return arguments.library ? ", through libsedge" : ""; }

// Empty when there is no limit to measure: whoever counts what the disk is given must not find this in it.
Result<WrittenFile> limit_file(const BenchArguments& arguments, std::uint64_t total_bytes) {
    return WrittenFile::create(arguments.directory, arguments.no_limit ? 0 : std::min(total_bytes, kWrittenFileBytes));
}

// The p50 of one small sync and that of one round trip, added.
Result<Figures> measure_sync_and_trip(const WrittenFile& file, std::uint64_t count) {
    const auto sync = file.write_synced(count * kSyncBytes, kSyncBytes);
    if (!sync.ok()) return sync;
    auto trip = measure_echo(count, 1, kSmallRecordBytes);
    if (trip.ok()) trip.value().p50_us += sync->p50_us;
    return trip;
}

int produce_batches(const Context& context, const BenchArguments& arguments) {
    const auto plan = plan_publish(arguments, default_batches());
    const auto total = plan.requests * plan.batch_bytes;
    const auto file = limit_file(arguments, total);
    if (!file.ok()) return report_failure(context, "bench produce", file.status());
    std::deque<PublishLoad> loads;  // outlive the socket that borrows from them
    BenchMesh mesh(context);
    // A topic of its own for each round, so that its files are reused as those of a node that has run for long are.
    const auto round = [&]() -> Result<Figures> {
        const auto topic = BenchTopic::create(mesh, arguments.topic, 1, arguments.durability, arguments.replicas);
        if (!topic.ok()) return topic.status();
        if (arguments.library) return publish_by_library(context, topic->name(), plan);
        return publish(mesh, loads.emplace_back(topic->name(), plan), plan);
    };
    return run(context, arguments, "bench produce", [&] { return file->write_synced(total, kDiskPieceBytes); }, round,
               {"produce", in_words(plan) + by(arguments), "pwrite and fdatasync of 1 MB pieces to a file written before", Measure::mb_per_s, {}, {}});
}

int produce_requests(const Context& context, const BenchArguments& arguments) {
    const auto plan = plan_publish(arguments, default_requests());
    BenchMesh mesh(context);
    const auto topic = BenchTopic::create(mesh, arguments.topic, 1, arguments.durability, arguments.replicas);
    if (!topic.ok()) return report_failure(context, "bench produce", topic.status(), context.nodes.front());
    PublishLoad load(topic->name(), plan);
    return run(context, arguments, "bench produce", [&] { return measure_echo(plan.requests, plan.in_flight, plan.record_bytes); },
               [&] { return arguments.library ? publish_by_library(context, topic->name(), plan) : publish(mesh, load, plan); },
               {"produce", in_words(plan) + by(arguments), "DEALER to ROUTER echo of messages of that size, as many in flight", Measure::records_per_s, {}, {}});
}

}  // namespace

int bench_produce(const Context& context, const BenchArguments& arguments) try {
    return arguments.per_request ? produce_requests(context, arguments) : produce_batches(context, arguments);
} catch (const zmq::error_t& error) {
    return report_failure(context, "bench produce", {ErrorCode::unreachable, error.what()});
}

int bench_latency(const Context& context, const BenchArguments& arguments) try {
    auto otherwise = default_requests();
    otherwise.requests = kOneAtATime;
    otherwise.in_flight = 1;
    otherwise.merge = false;
    const auto plan = plan_publish(arguments, otherwise);
    const auto file = limit_file(arguments, plan.requests * kSyncBytes);
    if (!file.ok()) return report_failure(context, "bench latency", file.status());
    BenchMesh mesh(context);
    const auto topic = BenchTopic::create(mesh, arguments.topic, 1, arguments.durability, arguments.replicas);
    if (!topic.ok()) return report_failure(context, "bench latency", topic.status(), context.nodes.front());
    PublishLoad load(topic->name(), plan);
    return run(context, arguments, "bench latency", [&] { return measure_sync_and_trip(*file, plan.requests); },
               [&] { return publish(mesh, load, plan); },
               {"latency", in_words(plan), "one fdatasync of 4 KB and one round trip", Measure::p50_us, {}, {}});
} catch (const zmq::error_t& error) {
    return report_failure(context, "bench latency", {ErrorCode::unreachable, error.what()});
}

int bench_partitions(const Context& context, const BenchArguments& arguments) try {
    auto otherwise = arguments.per_request ? default_requests() : default_batches();
    if (!arguments.per_request) {
        otherwise.requests *= otherwise.batch_bytes / kPartitionBatchBytes;
        otherwise.batch_bytes = kPartitionBatchBytes;
        otherwise.in_flight = kPartitionBatchesInFlight;
    }
    otherwise.partitions = kManyPartitions;
    const auto many = plan_publish(arguments, otherwise);
    auto one = many;
    one.partitions = 1;
    std::optional<PublishLoad> many_load, one_load;  // outlive the socket that borrows from them
    BenchMesh mesh(context);
    const auto many_topic = BenchTopic::create(mesh, arguments.topic, many.partitions, arguments.durability);
    if (!many_topic.ok()) return report_failure(context, "bench partitions", many_topic.status(), context.nodes.front());
    const auto one_topic = BenchTopic::create(mesh, "", 1, arguments.durability);
    if (!one_topic.ok()) return report_failure(context, "bench partitions", one_topic.status(), context.nodes.front());
    many_load.emplace(many_topic->name(), many);
    one_load.emplace(one_topic->name(), one);
    return run(context, arguments, "bench partitions", [&] { return publish(mesh, *one_load, one); },
               [&] { return publish(mesh, *many_load, many); },
               {"partitions", in_words(many), "the same to one partition", Measure::mb_per_s, {}, {}});
} catch (const zmq::error_t& error) {
    return report_failure(context, "bench partitions", {ErrorCode::unreachable, error.what()});
}

}  // namespace sedge::cli
