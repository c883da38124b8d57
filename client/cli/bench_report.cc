#include "client/cli/bench_report.h"

#include <fmt/format.h>

#include <cstdio>

namespace sedge::cli {
namespace {

using Get = double (*)(const Figures&);

double median_of(const std::vector<Figures>& rounds, Get get) {
    std::vector<double> values;
    values.reserve(rounds.size());
    for (const auto& round : rounds) values.push_back(get(round));
    return median(std::move(values));
}

double records_per_s(const Figures& figures) { return figures.records_per_s(); }
double mb_per_s(const Figures& figures) { return figures.mb_per_s(); }
double p50_us(const Figures& figures) { return figures.p50_us; }
double p99_us(const Figures& figures) { return figures.p99_us; }
double p999_us(const Figures& figures) { return figures.p999_us; }
double max_us(const Figures& figures) { return figures.max_us; }

Get getter(Measure measure) {
    switch (measure) {
        case Measure::records_per_s: return records_per_s;
        case Measure::mb_per_s: return mb_per_s;
        case Measure::p50_us: break;
    }
    return p50_us;
}

// "1,234,567", so that a person can read it.
std::string grouped(double value) {
    auto digits = fmt::format("{:.0f}", value);
    for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) digits.insert(digits.begin() + at, ',');
    return digits;
}

std::string in_words(const std::vector<Figures>& rounds, Measure measure) {
    const double value = median_of(rounds, getter(measure));
    switch (measure) {
        case Measure::records_per_s: return grouped(value) + " records/s";
        case Measure::mb_per_s: return grouped(value) + " MB/s";
        case Measure::p50_us: break;
    }
    return fmt::format("{:.1f} us", value);
}

void print_json(const BenchReport& report, double ratio) {
    std::string out = fmt::format(R"({{"bench":{},"work":{},"rounds":{},"records":{},"bytes":{})", json_string(report.bench),
                                  json_string(report.work), report.work_rounds.size(), report.work_rounds.front().records,
                                  report.work_rounds.front().bytes);
    const auto add = [&](const std::vector<Figures>& rounds, const char* name, Get get) {
        out += fmt::format(R"(,"{}":{:.2f})", name, median_of(rounds, get));
    };
    add(report.work_rounds, "records_per_s", records_per_s);
    add(report.work_rounds, "mb_per_s", mb_per_s);
    add(report.work_rounds, "p50_us", p50_us);
    add(report.work_rounds, "p99_us", p99_us);
    add(report.work_rounds, "p999_us", p999_us);
    add(report.work_rounds, "max_us", max_us);
    if (!report.limit_rounds.empty()) {
        out += fmt::format(R"(,"limit":{{"name":{})", json_string(report.limit_name));
        add(report.limit_rounds, "records_per_s", records_per_s);
        add(report.limit_rounds, "mb_per_s", mb_per_s);
        add(report.limit_rounds, "p50_us", p50_us);
        out += fmt::format(R"(}},"ratio":{:.3f})", ratio);
    }
    fmt::print("{}}}\n", out);
}

void print_text(const BenchReport& report, double ratio) {
    fmt::print("{}\n  figure  {}", report.work, in_words(report.work_rounds, report.measure));
    if (report.measure == Measure::records_per_s) fmt::print("  ({:.1f} MB/s)", median_of(report.work_rounds, mb_per_s));
    const auto& rounds = report.work_rounds;
    if (median_of(rounds, max_us) > 0)
        fmt::print("  p50 {:.0f} us, p99 {:.0f} us, p99.9 {:.0f} us, longest {:.0f} us", median_of(rounds, p50_us),
                   median_of(rounds, p99_us), median_of(rounds, p999_us), median_of(rounds, max_us));
    fmt::print("\n");
    if (!report.limit_rounds.empty())
        fmt::print("  limit   {}  {}\n  ratio   {:.2f}\n", in_words(report.limit_rounds, report.measure), report.limit_name, ratio);
}

}  // namespace

Status take_turns(std::uint32_t rounds, const std::function<Result<Figures>()>& limit,
                  const std::function<Result<Figures>()>& work, BenchReport& report) {
    for (std::uint32_t i = 0; i < rounds; ++i) {
        if (limit) {
            const auto figures = limit();
            if (!figures.ok()) return figures.status();
            report.limit_rounds.push_back(*figures);
        }
        const auto figures = work();
        if (!figures.ok()) return figures.status();
        report.work_rounds.push_back(*figures);
    }
    return {};
}

void print_report(const Context& context, const BenchReport& report) {
    if (report.work_rounds.empty()) return;
    const double limit = median_of(report.limit_rounds, getter(report.measure));
    const double ratio = limit > 0 ? median_of(report.work_rounds, getter(report.measure)) / limit : 0;
    if (context.json)
        print_json(report, ratio);
    else
        print_text(report, ratio);
    std::fflush(stdout);
}

std::string json_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\')
            out.append({'\\', c});
        else if (static_cast<unsigned char>(c) < 0x20)
            out += fmt::format("\\u{:04x}", static_cast<int>(c));
        else
            out += c;
    }
    return out + "\"";
}

}  // namespace sedge::cli
