#include "node/io/config_values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <numeric>
#include <vector>

namespace sedge::node {
namespace {

struct Unit {
    std::string_view name;
    std::uint64_t factor;
};
constexpr std::array kDurationUnits{Unit{"ms", 1}, Unit{"s", 1'000}, Unit{"m", 60'000}, Unit{"h", 3'600'000},
                                    Unit{"d", 86'400'000}};
constexpr std::array kByteUnits{Unit{"", 1},          Unit{"B", 1},         Unit{"K", 1u << 10},  Unit{"KB", 1u << 10},
                                Unit{"KiB", 1u << 10}, Unit{"M", 1u << 20},  Unit{"MB", 1u << 20}, Unit{"MiB", 1u << 20},
                                Unit{"G", 1u << 30},  Unit{"GB", 1u << 30}, Unit{"GiB", 1u << 30}};

Status wrong(std::string_view text, std::string_view what, std::string_view example) {
    std::string message = "\"";
    message.append(text).append("\" is not ").append(what).append(", for example ").append(example);
    return {ErrorCode::invalid_config, std::move(message)};
}

// A number with a unit behind it; nullopt if it is none or too large.
template <std::size_t N>
std::optional<std::uint64_t> parse_quantity(std::string_view text, const std::array<Unit, N>& units) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{}) return std::nullopt;
    std::string_view unit_name = text.substr(static_cast<std::size_t>(end - text.data()));
    while (unit_name.starts_with(' ')) unit_name.remove_prefix(1);
    for (const Unit& unit : units) {
        if (unit.name != unit_name) continue;
        if (number > std::numeric_limits<std::uint64_t>::max() / unit.factor) return std::nullopt;
        return number * unit.factor;
    }
    return std::nullopt;
}

}  // namespace

Result<HostPort> parse_host_port(std::string_view text) {
    const auto failure = [&] { return wrong(text, "HOST:PORT", "127.0.0.1:7701"); };
    std::string_view given = text;
    if (given.starts_with("tcp://")) given.remove_prefix(6);
    const auto colon = given.rfind(':');
    if (colon == std::string_view::npos || colon == 0) return failure();
    std::string_view host = given.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']') && host.size() > 2)
        host = host.substr(1, host.size() - 2);
    else if (host.find_first_of("[]:") != std::string_view::npos)
        return failure();
    if (host.empty() || host.find_first_of(" \t/\"") != std::string_view::npos) return failure();
    const auto port = parse_number(given.substr(colon + 1), 0, 65'535);
    if (!port.ok()) return failure();
    return HostPort{std::string(host), static_cast<std::uint16_t>(*port)};
}

std::string to_string(const HostPort& address) {
    const bool is_v6 = address.host.find(':') != std::string::npos;
    return (is_v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

Result<std::uint64_t> parse_number(std::string_view text, std::uint64_t least, std::uint64_t most) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc{} && end == text.data() + text.size() && number >= least && number <= most) return number;
    return Status{ErrorCode::invalid_config, "\"" + std::string(text) + "\" is not a number from " +
                                                 std::to_string(least) + " to " + std::to_string(most)};
}

Result<std::uint64_t> parse_bytes(std::string_view text) {
    if (const auto bytes = parse_quantity(text, kByteUnits)) return *bytes;
    return wrong(text, "a size", "64MB");
}

std::string format_bytes(std::uint64_t bytes) {
    constexpr std::array kUnits{Unit{"GB", 1u << 30}, Unit{"MB", 1u << 20}, Unit{"KB", 1u << 10}};
    for (const Unit& unit : kUnits)
        if (bytes != 0 && bytes % unit.factor == 0) return std::to_string(bytes / unit.factor) + std::string(unit.name);
    return std::to_string(bytes);
}

Result<std::uint64_t> parse_time_span_ms(std::string_view text) {
    if (const auto duration_ms = parse_quantity(text, kDurationUnits)) return *duration_ms;
    return wrong(text, "a duration", "500ms, 10s, 12h or 7d");
}

std::string format_time_span_ms(std::uint64_t duration_ms) {
    for (std::size_t i = kDurationUnits.size(); i-- > 0;) {
        const Unit& unit = kDurationUnits[i];
        if (duration_ms != 0 && duration_ms % unit.factor == 0)
            return std::to_string(duration_ms / unit.factor) + std::string(unit.name);
    }
    return "0s";
}

Result<bool> parse_bool(std::string_view text) {
    for (const std::string_view word : {"true", "1", "yes", "on"})
        if (text == word) return true;
    for (const std::string_view word : {"false", "0", "no", "off"})
        if (text == word) return false;
    return Status{ErrorCode::invalid_config, "\"" + std::string(text) + "\" is neither true nor false"};
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
        }
    }
    return row[b.size()];
}

}  // namespace sedge::node
