// `sedge bench restart`: how soon a node that was killed is ready again.
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <optional>

#include "client/cli/bench_arguments.h"
#include "client/cli/bench_daemon.h"
#include "client/cli/bench_publish.h"
#include "client/cli/bench_report.h"

namespace sedge::cli {
namespace {

constexpr std::uint64_t kLogBytes = 10'000'000'000;

// Gone, with all that is in it, when this is.
class TemporaryDirectory {
  public:
    explicit TemporaryDirectory(const std::string& parent) : path_(parent + "/sedge-bench-XXXXXX") {
        if (mkdtemp(path_.data()) == nullptr) path_.clear();
    }
    ~TemporaryDirectory() {
        std::error_code ignored;
        if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

// The end of the topic's only partition.
Result<Offset> end_of(BenchMesh& mesh, const std::string& topic) {
    ListOffsetsRequest request;
    request.topic = topic;
    const auto answer = mesh.call(request);
    if (!answer.ok()) return answer.status();
    return std::get<ListOffsetsResponse>(*answer).offset;
}

Result<Figures> fill(const Context& context, const PublishPlan& plan, const std::string& topic) {
    std::optional<PublishLoad> load;  // outlives the socket that borrows from it
    BenchMesh mesh(context);
    const auto made = BenchTopic::create(mesh, topic, 1);
    if (!made.ok()) return made.status();
    load.emplace(topic, plan);
    return publish(mesh, *load, plan);
}

// One start after a kill: all acknowledged records must be there.
Result<Figures> restart(const Context& context, const std::string& program, const std::string& data, const std::string& topic,
                        const Figures& filled) {
    auto daemon = BenchDaemon::start(program, data);
    if (!daemon.ok()) return daemon.status();
    auto there = context;
    there.nodes = {daemon->address()};
    BenchMesh mesh(there);
    const auto end = end_of(mesh, topic);
    if (!end.ok()) return end.status();
    if (end->value < filled.records) return Status{ErrorCode::storage_failed, fmt::format("{} of {} records are there", end->value, filled.records)};
    Figures figures = filled;
    figures.seconds = daemon->seconds_to_ready();
    figures.p50_us = figures.max_us = figures.seconds * 1e6;
    return figures;
}

}  // namespace

int bench_restart(const Context& context, const BenchArguments& arguments) try {
    auto sized = arguments;
    if (sized.size_bytes == 0 && sized.records == 0) sized.size_bytes = kLogBytes;
    const auto plan = plan_publish(sized, default_batches());
    const auto program = arguments.sedged.empty() ? sedged_beside_this() : arguments.sedged;
    const std::string topic = "bench-restart";
    const TemporaryDirectory directory(arguments.directory);
    const auto data = directory.path() + "/data";

    auto first = BenchDaemon::start(program, data);
    if (!first.ok()) return report_failure(context, "bench restart", first.status());
    auto there = context;
    there.nodes = {first->address()};
    const auto filled = fill(there, plan, topic);
    if (!filled.ok()) return report_failure(there, "bench restart", filled.status(), first->address());
    first.value().kill();

    BenchReport report{"restart", fmt::format("ready after kill -9 with a log of {:.1f} GB", static_cast<double>(filled->bytes) / 1e9), "", Measure::p50_us, {}, {}};
    const auto status = take_turns(arguments.rounds, {}, [&] { return restart(context, program, data, topic, *filled); }, report);
    if (!status.ok()) return report_failure(context, "bench restart", status);
    print_report(context, report);
    return kDone;
} catch (const zmq::error_t& error) {
    return report_failure(context, "bench restart", {ErrorCode::unreachable, error.what()});
}

}  // namespace sedge::cli
