// `sedge bench limits`: what this machine allows, without a broker.
#include <algorithm>
#include <functional>

#include "client/cli/bench_arguments.h"
#include "client/cli/bench_limits.h"
#include "client/cli/bench_report.h"

namespace sedge::cli {
namespace {

// What one round does, so that it takes about half a second on a small machine.
constexpr std::uint64_t kEchoes = 300'000;
constexpr std::uint64_t kRoundTrips = 3'000;
constexpr std::uint64_t kStreamBytes = 1ull << 30;
constexpr std::uint64_t kDiskBytes = 256ull << 20;
constexpr std::uint64_t kSyncs = 1'000;

struct Limit {
    const char* name;
    const char* work;
    Measure measure;
    std::function<Result<Figures>()> run;
};

std::uint64_t or_default(std::uint64_t value, std::uint64_t otherwise) { return value != 0 ? value : otherwise; }

std::vector<Limit> all_limits(const BenchArguments& arguments, const WrittenFile& file) {
    const auto records = arguments.records;
    const auto size = arguments.size_bytes;
    const auto depth = or_default(arguments.in_flight, kManyInFlight);
    return {
        {"echo", "DEALER to ROUTER echo of 100 B, many in flight", Measure::records_per_s,
         [=] { return measure_echo(or_default(records, kEchoes), depth, kSmallRecordBytes); }},
        {"round-trip", "DEALER to ROUTER echo of 100 B, one at a time", Measure::p50_us,
         [=] { return measure_echo(or_default(records, kRoundTrips), 1, kSmallRecordBytes); }},
        {"stream", "ROUTER to DEALER stream in 64 KB frames", Measure::mb_per_s,
         [=] { return measure_stream(or_default(size, kStreamBytes), kStreamFrameBytes); }},
        {"disk", "pwrite and fdatasync of 1 MB pieces to a file written before", Measure::mb_per_s,
         [=, &file] { return file.write_synced(or_default(size, kDiskBytes), kDiskPieceBytes); }},
        {"fsync", "pwrite and fdatasync of 4 KB to a file written before", Measure::p50_us,
         [=, &file] { return file.write_synced(or_default(records, kSyncs) * kSyncBytes, kSyncBytes); }},
    };
}

}  // namespace

int bench_limits(const Context& context, const BenchArguments& arguments) {
    const auto file_bytes = std::min(or_default(arguments.size_bytes, kWrittenFileBytes), kWrittenFileBytes);
    const auto file = WrittenFile::create(arguments.directory, file_bytes);
    if (!file.ok()) return report_failure(context, "bench limits", file.status());
    const auto& wanted = arguments.limits;
    for (const auto& limit : all_limits(arguments, *file)) {
        if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), limit.name) == wanted.end()) continue;
        BenchReport report{limit.name, limit.work, {}, limit.measure, {}, {}};
        const auto status = take_turns(arguments.rounds, {}, limit.run, report);
        if (!status.ok()) return report_failure(context, "bench limits", status);
        print_report(context, report);
    }
    return kDone;
}

}  // namespace sedge::cli
