// sedge-sim: runs seeds of the simulation. A failing one prints the command that replays it.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/sim/simulation.h"

namespace {

using sedge::sim::PlantedBug;
using sedge::sim::RunOptions;
using sedge::sim::RunResult;

constexpr int kUsageError = 2;
constexpr std::string_view kHelp =
    "sedge-sim: the node's core in a simulated world, with faults; the same seed is the same run.\n"
    "\n"
    "  sedge-sim --seed S [--steps N] [--verbose] [--plant BUG]   one run\n"
    "  sedge-sim --seeds N [--from S] [--jobs J] [--steps N]      many runs\n"
    "  sedge-sim --prove [--seeds N]                              plants each bug; demands that it is found, and nothing without\n"
    "  sedge-sim --repeat [--seeds N]                             runs each seed twice; demands the same run\n"
    "  sedge-sim --list                                           the bugs that can be planted\n"
    "\n"
    "example: sedge-sim --seeds 10000 --jobs 2\n";

struct Arguments {
    std::optional<std::uint64_t> seed;
    std::uint64_t seeds = 100, from = 1, jobs = 1, steps = RunOptions{}.steps;
    PlantedBug bug = PlantedBug::none;
    bool verbose = false, prove = false, repeat = false, list = false, help = false;
};

// What a crash inside the core is blamed on: written by the thread that crashes, in a signal handler.
thread_local std::uint64_t running_seed = 0;
std::uint64_t running_steps = 0;

void on_crash(int signal_number) {
    char text[160];
    const int size = std::snprintf(text, sizeof text, "CRASH (signal %d) in seed %llu; replay: sedge-sim --seed %llu --steps %llu --verbose\n",
                                   signal_number, static_cast<unsigned long long>(running_seed),
                                   static_cast<unsigned long long>(running_seed), static_cast<unsigned long long>(running_steps));
    [[maybe_unused]] const auto written = ::write(STDOUT_FILENO, text, static_cast<std::size_t>(size));
    ::signal(signal_number, SIG_DFL);
    ::raise(signal_number);
}

bool read_number(std::string_view text, std::uint64_t& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc() && end == text.data() + text.size();
}

bool read_arguments(int argc, char** argv, Arguments& out) {
    for (int i = 1; i < argc; ++i) {
        const std::string_view option = argv[i];
        std::uint64_t* number = option == "--seeds" ? &out.seeds : option == "--from" ? &out.from : option == "--jobs" ? &out.jobs
                              : option == "--steps" ? &out.steps : option == "--seed" ? &out.seed.emplace() : nullptr;
        if (number != nullptr) {
            if (++i == argc || !read_number(argv[i], *number)) return false;
        } else if (option == "--plant") {
            const auto bug = ++i == argc ? std::nullopt : sedge::sim::planted_bug_from(argv[i]);
            if (!bug) return false;
            out.bug = *bug;
        } else {
            bool* flag = option == "--verbose" ? &out.verbose : option == "--prove" ? &out.prove : option == "--repeat" ? &out.repeat
                       : option == "--list" ? &out.list : option == "--help" ? &out.help : nullptr;
            if (flag == nullptr) return false;
            *flag = true;
        }
    }
    return true;
}

void add(RunResult& sum, const RunResult& one) {
    const auto add_totals = [](auto& to, const auto& from) {
        // Totals are nothing but counters.
        static_assert(std::is_trivially_copyable_v<sedge::sim::Totals>);
        constexpr std::size_t kCount = sizeof to / sizeof(std::uint64_t);
        std::uint64_t a[kCount], b[kCount];
        std::memcpy(a, &to, sizeof to);
        std::memcpy(b, &from, sizeof from);
        for (std::size_t i = 0; i < kCount; ++i) a[i] += b[i];
        std::memcpy(&to, a, sizeof to);
    };
    add_totals(sum.totals, one.totals);
    sum.records_stored += one.records_stored;
    sum.answers.requests += one.answers.requests;
    sum.answers.answers += one.answers.answers;
    sum.answers.records_acknowledged += one.answers.records_acknowledged;
    sum.answers.duplicates += one.answers.duplicates;
    sum.answers.records_read += one.answers.records_read;
    sum.answers.errors += one.answers.errors;
    for (const auto& [name, count] : one.answers.errors_by_name) sum.answers.errors_by_name[name] += count;
}

void print_totals(const RunResult& sum, bool verbose) {
    const auto n = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
    const sedge::sim::Totals& t = sum.totals;
    std::printf("events %llu; starts %llu, crashes %llu, power cuts %llu, failed syncs %llu, clean stops %llu\n", n(t.events), n(t.starts),
                n(t.crashes), n(t.power_cuts), n(t.failed_syncs), n(t.clean_stops));
    std::printf("full disks %llu, flipped bits %llu, clock jumps %llu, sleeps %llu, messages lost %llu, duplicated %llu\n", n(t.full_disks),
                n(t.flipped_bits), n(t.wall_jumps), n(t.sleeps), n(t.messages_lost), n(t.messages_duplicated));
    std::printf("requests %llu, answers %llu, errors %llu; writes %llu, segments begun %llu, cold reads %llu\n", n(sum.answers.requests),
                n(sum.answers.answers), n(sum.answers.errors), n(t.writes), n(t.segments_begun), n(t.cold_reads));
    std::printf("records stored %llu, acknowledged %llu, retries recognised %llu, reads checked %llu, read in the end %llu\n",
                n(sum.records_stored), n(sum.answers.records_acknowledged), n(sum.answers.duplicates), n(sum.answers.records_read),
                n(t.final_records_read));
    if (!verbose) return;
    for (const auto& [name, count] : sum.answers.errors_by_name) std::printf("  answered %s: %llu\n", name.c_str(), n(count));
}

RunResult run_one(const Arguments& arguments, std::uint64_t seed, PlantedBug bug) {
    running_seed = seed;
    return sedge::sim::run_seed({seed, arguments.steps, arguments.verbose, bug});
}

void print_failure(const Arguments& arguments, std::uint64_t seed, const RunResult& result) {
    std::printf("FAILED seed %llu: %s\n  replay: sedge-sim --seed %llu --steps %llu --verbose\n", static_cast<unsigned long long>(seed),
                result.violation.c_str(), static_cast<unsigned long long>(seed), static_cast<unsigned long long>(arguments.steps));
    std::fflush(stdout);
}

int run_seeds(const Arguments& arguments) {
    std::atomic<std::uint64_t> next{arguments.from}, failed{0};
    std::mutex mutex;
    RunResult sum;
    const auto work = [&] {
        for (;;) {
            const std::uint64_t seed = next++;
            if (seed >= arguments.from + arguments.seeds) return;
            const RunResult result = run_one(arguments, seed, arguments.bug);
            const std::lock_guard lock(mutex);
            add(sum, result);
            if (result.ok) continue;
            ++failed;
            print_failure(arguments, seed, result);
        }
    };
    std::vector<std::thread> threads;
    for (std::uint64_t i = 0; i < std::max<std::uint64_t>(arguments.jobs, 1); ++i) threads.emplace_back(work);
    for (std::thread& thread : threads) thread.join();
    std::printf("%llu seeds from %llu, %llu failed\n", static_cast<unsigned long long>(arguments.seeds),
                static_cast<unsigned long long>(arguments.from), static_cast<unsigned long long>(failed.load()));
    print_totals(sum, true);
    return failed == 0 ? 0 : 1;
}

int run_single(const Arguments& arguments) {
    const RunResult result = run_one(arguments, *arguments.seed, arguments.bug);
    if (!result.ok) print_failure(arguments, *arguments.seed, result);
    print_totals(result, true);
    std::printf("fingerprint %016llx\n", static_cast<unsigned long long>(result.fingerprint));
    return result.ok ? 0 : 1;
}

// Plants each bug in turn: it must be found within the seeds, none of which may fail without it.
int prove(const Arguments& arguments) {
    int missed = 0;
    for (const auto& planted : sedge::sim::planted_bugs()) {
        std::uint64_t seed = arguments.from;
        RunResult result;
        for (; seed < arguments.from + arguments.seeds && result.ok; ++seed) result = run_one(arguments, seed, planted.bug);
        if (result.ok) {
            std::printf("MISSED %.*s\n", static_cast<int>(planted.name.size()), planted.name.data());
            ++missed;
            continue;
        }
        std::printf("found %.*s in seed %llu: %s\n", static_cast<int>(planted.name.size()), planted.name.data(),
                    static_cast<unsigned long long>(seed - 1), result.violation.c_str());
        const RunResult clean = run_one(arguments, seed - 1, PlantedBug::none);
        if (clean.ok) continue;
        print_failure(arguments, seed - 1, clean);
        ++missed;
    }
    return missed == 0 ? 0 : 1;
}

int repeat(const Arguments& arguments) {
    for (std::uint64_t seed = arguments.from; seed < arguments.from + arguments.seeds; ++seed) {
        const RunResult one = run_one(arguments, seed, PlantedBug::none), two = run_one(arguments, seed, PlantedBug::none);
        if (one.fingerprint == two.fingerprint) continue;
        std::printf("FAILED seed %llu: two runs differ\n", static_cast<unsigned long long>(seed));
        return 1;
    }
    std::printf("%llu seeds, each the same twice\n", static_cast<unsigned long long>(arguments.seeds));
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    Arguments arguments;
    if (!read_arguments(argc, argv, arguments) || arguments.help) {
        std::fwrite(kHelp.data(), 1, kHelp.size(), arguments.help ? stdout : stderr);
        return arguments.help ? 0 : kUsageError;
    }
    running_steps = arguments.steps;
    for (const int signal_number : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE}) ::signal(signal_number, on_crash);
    if (arguments.list) {
        for (const auto& planted : sedge::sim::planted_bugs()) std::printf("%.*s\n", static_cast<int>(planted.name.size()), planted.name.data());
        return 0;
    }
    if (arguments.seed) return run_single(arguments);
    if (arguments.prove) return prove(arguments);
    if (arguments.repeat) return repeat(arguments);
    return run_seeds(arguments);
}
