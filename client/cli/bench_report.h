// A benchmark's outcome: medians over rounds of the work and of its limit, for a person or as one JSON document.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "client/cli/bench_measure.h"
#include "client/cli/context.h"
#include "schema/status.h"

namespace sedge::cli {

// Which figure is compared.
enum class Measure : std::uint8_t { records_per_s, mb_per_s, p50_us };

struct BenchReport {
    std::string bench;       // the verb
    std::string work;        // in words
    std::string limit_name;  // in words
    Measure measure = Measure::records_per_s;
    std::vector<Figures> work_rounds;
    std::vector<Figures> limit_rounds;  // empty: there is no limit beside it
};

// Runs the limit and the work by turns, `rounds` times. `limit` may be empty.
Status take_turns(std::uint32_t rounds, const std::function<Result<Figures>()>& limit,
                  const std::function<Result<Figures>()>& work, BenchReport& report);

// Prints it; with --json as {"bench", "work", "rounds", "records", "records_per_s", "mb_per_s", "p50_us", "p99_us", "p999_us", "max_us",
// "limit": {"name", "records_per_s", "mb_per_s", "p50_us"}, "ratio"}. The ratio is of the compared figure's medians, work to limit.
void print_report(const Context& context, const BenchReport& report);

// `text` as a JSON string.
std::string json_string(std::string_view text);

}  // namespace sedge::cli
