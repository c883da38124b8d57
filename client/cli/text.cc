#include "client/cli/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>

namespace sedge::cli {
namespace {

constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kPlain = "\x1b[0m";

std::optional<std::uint64_t> parse_number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
    return value;
}

// Takes a number of exactly `digits` digits from the front.
bool take_digits(std::string_view& text, std::size_t digits, int& value) {
    if (text.size() < digits) return false;
    value = 0;
    for (const char digit : text.substr(0, digits)) {
        if (digit < '0' || digit > '9') return false;
        value = value * 10 + (digit - '0');
    }
    text.remove_prefix(digits);
    return true;
}

bool take(std::string_view& text, char wanted) {
    if (text.empty() || text.front() != wanted) return false;
    text.remove_prefix(1);
    return true;
}

// The fraction of a second behind its point, as milliseconds; further digits are dropped.
bool take_fraction(std::string_view& text, int& milliseconds) {
    int scale = 100;
    if (text.empty() || text.front() < '0' || text.front() > '9') return false;
    while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
        milliseconds += (text.front() - '0') * scale;
        scale /= 10;
        text.remove_prefix(1);
    }
    return true;
}

// "Z", "+01:00", "-0530", or nothing.
bool take_zone(std::string_view& text, int& minutes) {
    minutes = 0;
    if (text.empty() || take(text, 'Z')) return text.empty();
    const bool behind = text.front() == '-';
    if (!take(text, '+') && !take(text, '-')) return false;
    int hours = 0;
    int rest = 0;
    if (!take_digits(text, 2, hours)) return false;
    take(text, ':');
    if (!text.empty() && !take_digits(text, 2, rest)) return false;
    minutes = (hours * 60 + rest) * (behind ? -1 : 1);
    return text.empty();
}

void append_number(std::uint64_t value, std::string& out) {
    std::array<char, 24> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    out.append(digits.data(), end);
}

void append_headers(const ConsumerRecord& record, std::string& out) {
    bool first = true;
    for (const auto& header : record.headers) {
        if (!first) out += ',';
        first = false;
        out.append(header.name).append("=").append(as_text(header.value));
    }
}

std::optional<char> escaped(char letter) {
    switch (letter) {
        case 'n': return '\n';
        case 't': return '\t';
        case 'r': return '\r';
        case '0': return '\0';
        case '\\': return '\\';
        default: return std::nullopt;
    }
}

}  // namespace

std::optional<std::uint64_t> parse_iso_time(std::string_view text) {
    int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, milliseconds = 0, zone = 0;
    if (!take_digits(text, 4, year) || !take(text, '-') || !take_digits(text, 2, month) || !take(text, '-') || !take_digits(text, 2, day))
        return std::nullopt;
    if (take(text, 'T') || take(text, ' ')) {
        if (!take_digits(text, 2, hour) || !take(text, ':') || !take_digits(text, 2, minute)) return std::nullopt;
        if (take(text, ':') && !take_digits(text, 2, second)) return std::nullopt;
        if (take(text, '.') && !take_fraction(text, milliseconds)) return std::nullopt;
    }
    if (!take_zone(text, zone)) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                                           std::chrono::day{static_cast<unsigned>(day)}};
    if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
    const auto days = std::chrono::sys_days(date).time_since_epoch().count();
    const auto seconds = ((std::int64_t{days} * 24 + hour) * 60 + minute - zone) * 60 + second;
    if (seconds < 0) return std::nullopt;
    return static_cast<std::uint64_t>(seconds * 1000 + milliseconds);
}

Result<StartAt> parse_start(std::string_view text) {
    const Status wrong{ErrorCode::bad_request, "'" + std::string(text) +
                                                   "' is no place to begin; say beginning, end, an offset, -N for the last N, or @TIME "
                                                   "(milliseconds since 1970, or ISO 8601)"};
    if (text == "beginning" || text == "start") return StartAt::beginning();
    if (text == "end") return StartAt::end();
    if (text.starts_with('@')) {
        const auto number = parse_number(text.substr(1));
        const auto time = number ? number : parse_iso_time(text.substr(1));
        if (!time) return wrong;
        return StartAt::time(*time);
    }
    const bool from_end = text.starts_with('-');
    const auto number = parse_number(text.substr(from_end ? 1 : 0));
    if (!number) return wrong;
    return from_end ? StartAt::before_end(*number) : StartAt::offset(Offset{*number});
}

bool is_host_and_port(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos || colon == 0) return false;
    const auto host = text.substr(0, colon);
    const auto port = text.substr(colon + 1);
    if (host.find(':') != std::string_view::npos && !(host.front() == '[' && host.back() == ']')) return false;
    std::uint16_t number = 0;
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
    return error == std::errc() && end == port.data() + port.size() && number != 0;
}

std::optional<std::pair<std::string, std::string>> parse_pair(std::string_view text) {
    const auto equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0) return std::nullopt;
    return std::pair{std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
}

Result<RecordFormat> RecordFormat::parse(std::string_view text) {
    RecordFormat format;
    std::string literal;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char at = text[i];
        const char next = i + 1 < text.size() ? text[i + 1] : '\0';
        if (at == '\\' && escaped(next) && i + 1 < text.size()) {
            literal += *escaped(next);
            ++i;
        } else if (at == '%' && next == '%') {
            literal += '%';
            ++i;
        } else if (at == '%') {
            if (std::string_view("tpoTkvh").find(next) == std::string_view::npos || next == '\0')
                return Status{ErrorCode::bad_request, std::string("the format has '%") + (next != '\0' ? std::string(1, next) : "") +
                                                          "'; known are %t %p %o %T %k %v %h and %%"};
            if (!literal.empty()) format.pieces_.push_back({0, std::move(literal)});
            literal.clear();
            format.pieces_.push_back({next, {}});
            ++i;
        } else {
            literal += at;
        }
    }
    if (!literal.empty()) format.pieces_.push_back({0, std::move(literal)});
    return format;
}

void RecordFormat::append(const ConsumerRecord& record, std::string& out) const {
    for (const auto& piece : pieces_) {
        switch (piece.field) {
            case 't': out.append(record.topic); break;
            case 'p': append_number(record.partition.value, out); break;
            case 'o': append_number(record.offset.value, out); break;
            case 'T': append_number(record.timestamp_ms, out); break;
            case 'k':
                if (record.key) out.append(as_text(*record.key));
                break;
            case 'v':
                if (record.value) out.append(as_text(*record.value));
                break;
            case 'h': append_headers(record, out); break;
            default: out.append(piece.literal);
        }
    }
}

std::string human_bytes(std::uint64_t bytes) {
    constexpr std::array<const char*, 5> kUnits = {"B", "KB", "MB", "GB", "TB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (value >= 1000.0 && unit + 1 < kUnits.size()) {
        value /= 1000.0;
        ++unit;
    }
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
    return text.data();
}

std::string Table::text(bool terminal) const {
    std::string out;
    if (!terminal) {
        out += join(titles_, "\t") + "\n";
        for (const auto& cells : rows_) out += join(cells, "\t") + "\n";
        return out;
    }
    std::vector<std::size_t> widths;
    for (const auto& title : titles_) widths.push_back(title.size());
    for (const auto& cells : rows_)
        for (std::size_t i = 0; i < cells.size() && i < widths.size(); ++i) widths[i] = std::max(widths[i], cells[i].size());
    const auto line = [&](const std::vector<std::string>& cells) {
        for (std::size_t i = 0; i < cells.size(); ++i) {
            out += cells[i];
            if (i + 1 < cells.size()) out.append(widths[i] - cells[i].size() + 2, ' ');
        }
    };
    out += kBold;
    line(titles_);
    out.append(kPlain).append("\n");
    for (const auto& cells : rows_) {
        line(cells);
        out += '\n';
    }
    return out;
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
    std::string all;
    for (const auto& part : parts) {
        if (&part != &parts.front()) all += separator;
        all += part;
    }
    return all;
}

}  // namespace sedge::cli
