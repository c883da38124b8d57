// sedge-mesh-sim: runs seeds of simulated meshes. A failing one prints the command that replays it.
#include <atomic>
#include <charconv>
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/sim/mesh/mesh_run.h"

namespace {

using namespace sedge::sim;

constexpr const char* kHelp =
    "sedge-mesh-sim: meshes of 1 to 7 nodes in a simulated world, with faults; the same seed is the same run.\n"
    "\n"
    "  sedge-mesh-sim --seed S [--nodes N] [--ms DURATION] [--plant BUG] [--verbose]   one run\n"
    "  sedge-mesh-sim --seeds N [--from S] [--jobs J] [--nodes N] [--ms DURATION]      many runs\n"
    "  sedge-mesh-sim --prove [--seeds N]     plants each bug; demands that it is found, and nothing without\n"
    "  sedge-mesh-sim --repeat [--seeds N]    runs each seed twice; demands the same run\n"
    "  --marks: fails unless every kind of rare event happened\n";

struct Arguments {
    std::uint64_t seed = 0, seeds = 100, from = 1, jobs = 1;
    MeshOptions run;
    bool prove = false, repeat = false, marks = false;
};

bool read_arguments(int argc, char** argv, Arguments& out) {
    for (int i = 1; i < argc; ++i) {
        const std::string option = argv[i];
        std::uint64_t* number = option == "--seeds" ? &out.seeds : option == "--from" ? &out.from : option == "--jobs" ? &out.jobs
                              : option == "--seed" ? &out.seed : option == "--nodes" ? &out.run.nodes : option == "--ms" ? &out.run.duration_ms
                              : nullptr;
        if (number != nullptr) {
            if (++i == argc) return false;
            const std::string text = argv[i];
            const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
            if (error != std::errc() || end != text.data() + text.size()) return false;
        } else if (option == "--plant") {
            const auto bug = ++i == argc ? std::nullopt : mesh_bug_from(argv[i]);
            if (!bug) return false;
            out.run.bug = *bug;
        } else if (option == "--verbose") {
            out.run.verbose = true;
        } else if (option == "--prove" || option == "--repeat" || option == "--marks") {
            (option == "--prove" ? out.prove : option == "--repeat" ? out.repeat : out.marks) = true;
        } else {
            return false;
        }
    }
    return true;
}

MeshResult run_one(const Arguments& arguments, std::uint64_t seed, MeshBug bug) {
    MeshOptions options = arguments.run;
    options.seed = seed;
    options.bug = bug;
    return run_mesh(options);
}

void print_failure(const Arguments& arguments, std::uint64_t seed, const MeshResult& result) {
    std::printf("FAILED seed %llu: %s\n  replay: sedge-mesh-sim --seed %llu --nodes %llu --ms %llu --verbose\n",
                static_cast<unsigned long long>(seed), result.violation.c_str(), static_cast<unsigned long long>(seed),
                static_cast<unsigned long long>(arguments.run.nodes), static_cast<unsigned long long>(arguments.run.duration_ms));
    std::fflush(stdout);
}

int run_seeds(const Arguments& arguments) {
    std::atomic<std::uint64_t> next{arguments.from};
    std::uint64_t failed = 0;
    std::mutex mutex;
    std::map<std::string, std::uint64_t> marks;
    const auto work = [&] {
        for (;;) {
            const std::uint64_t seed = next++;
            if (seed >= arguments.from + arguments.seeds) return;
            const MeshResult result = run_one(arguments, seed, arguments.run.bug);
            const std::lock_guard lock(mutex);
            for (const auto& [name, count] : result.marks) marks[name] += count;
            if (result.ok) continue;
            ++failed;
            print_failure(arguments, seed, result);
        }
    };
    std::vector<std::thread> threads;
    for (std::uint64_t i = 0; i < std::max<std::uint64_t>(arguments.jobs, 1); ++i) threads.emplace_back(work);
    for (std::thread& thread : threads) thread.join();
    std::printf("%llu seeds from %llu, %llu failed\n", static_cast<unsigned long long>(arguments.seeds),
                static_cast<unsigned long long>(arguments.from), static_cast<unsigned long long>(failed));
    for (const auto& [name, count] : marks) std::printf("  %s: %llu\n", name.c_str(), static_cast<unsigned long long>(count));
    if (!arguments.marks) return failed == 0 ? 0 : 1;
    for (const char* rare : {"elections", "leaders restored", "isr shrinks", "isr grows", "truncations", "gaps repaired", "forwarded",
                             "reads for followers", "voters changed", "wiped disks", "power cuts of all", "pauses", "clean stops",
                             "retries recognised"}) {
        if (marks[rare] > 0) continue;
        std::printf("NEVER HAPPENED: %s\n", rare);
        ++failed;
    }
    return failed == 0 ? 0 : 1;
}

int run_single(const Arguments& arguments) {
    const MeshResult result = run_one(arguments, arguments.seed, arguments.run.bug);
    if (!result.ok) print_failure(arguments, arguments.seed, result);
    for (const auto& [name, count] : result.marks) std::printf("  %s: %llu\n", name.c_str(), static_cast<unsigned long long>(count));
    std::printf("fingerprint %016llx\n", static_cast<unsigned long long>(result.fingerprint));
    return result.ok ? 0 : 1;
}

int prove(const Arguments& arguments) {
    int missed = 0;
    for (const MeshBugName& planted : mesh_bugs()) {
        MeshResult result;
        std::uint64_t seed = arguments.from;
        for (; seed < arguments.from + arguments.seeds && result.ok; ++seed) result = run_one(arguments, seed, planted.bug);
        if (result.ok) {
            std::printf("MISSED %.*s\n", static_cast<int>(planted.name.size()), planted.name.data());
            ++missed;
            continue;
        }
        std::printf("found %.*s in seed %llu: %s\n", static_cast<int>(planted.name.size()), planted.name.data(),
                    static_cast<unsigned long long>(seed - 1), result.violation.substr(0, 160).c_str());
        std::fflush(stdout);
        const MeshResult clean = run_one(arguments, seed - 1, MeshBug::none);
        if (clean.ok) continue;
        print_failure(arguments, seed - 1, clean);
        ++missed;
    }
    return missed == 0 ? 0 : 1;
}

int repeat(const Arguments& arguments) {
    for (std::uint64_t seed = arguments.from; seed < arguments.from + arguments.seeds; ++seed) {
        if (run_one(arguments, seed, MeshBug::none).fingerprint == run_one(arguments, seed, MeshBug::none).fingerprint) continue;
        std::printf("FAILED seed %llu: two runs differ\n", static_cast<unsigned long long>(seed));
        return 1;
    }
    std::printf("%llu seeds, each the same twice\n", static_cast<unsigned long long>(arguments.seeds));
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    Arguments arguments;
    if (!read_arguments(argc, argv, arguments)) {
        std::fputs(kHelp, stderr);
        return 2;
    }
    if (arguments.seed != 0) return run_single(arguments);
    if (arguments.prove) return prove(arguments);
    if (arguments.repeat) return repeat(arguments);
    return run_seeds(arguments);
}
