#include "node/io/metrics_text.h"

#include <charconv>
#include <cmath>

namespace sedge::node {
namespace {

void append_escaped(std::string& out, std::string_view text, bool quotes_too) {
    for (const char c : text) {
        if (c == '\\')
            out += "\\\\";
        else if (c == '\n')
            out += "\\n";
        else if (c == '"' && quotes_too)
            out += "\\\"";
        else
            out += c;
    }
}

void append_value(std::string& out, double value) {
    if (std::isnan(value)) {
        out += "NaN";
    } else if (std::isinf(value)) {
        out += value > 0 ? "+Inf" : "-Inf";
    } else {
        char digits[32];
        const auto result = std::to_chars(digits, digits + sizeof digits, value);
        out.append(digits, result.ptr);
    }
}

}  // namespace

std::string metrics_text(const std::vector<Metric>& metrics) {
    std::string out;
    out.reserve(metrics.size() * 96);
    std::string_view previous;
    for (const Metric& metric : metrics) {
        if (metric.name != previous) {
            out.append("# HELP ").append(metric.name).append(" ");
            append_escaped(out, metric.help, false);
            out.append("\n# TYPE ").append(metric.name).append(metric.counter ? " counter\n" : " gauge\n");
            previous = metric.name;
        }
        out += metric.name;
        for (std::size_t i = 0; i < metric.labels.size(); ++i) {
            out.append(i == 0 ? "{" : ",").append(metric.labels[i].first).append("=\"");
            append_escaped(out, metric.labels[i].second, true);
            out += '"';
        }
        out += metric.labels.empty() ? " " : "} ";
        append_value(out, metric.value);
        out += '\n';
    }
    return out;
}

}  // namespace sedge::node
