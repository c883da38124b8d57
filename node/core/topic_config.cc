#include "node/core/topic_config.h"

#include <charconv>
#include <span>

namespace sedge::node {
namespace {

struct Unit {
    std::string_view suffix;
    std::uint64_t factor;
};

constexpr std::uint64_t kSecondMs = 1000, kMinuteMs = 60 * kSecondMs, kHourMs = 60 * kMinuteMs, kDayMs = 24 * kHourMs;
constexpr Unit kDurations[] = {{"", 1}, {"ms", 1}, {"s", kSecondMs}, {"m", kMinuteMs}, {"h", kHourMs}, {"d", kDayMs}};
constexpr Unit kSizes[] = {{"", 1},          {"B", 1},          {"K", 1ull << 10}, {"KB", 1ull << 10}, {"M", 1ull << 20},
                           {"MB", 1ull << 20}, {"G", 1ull << 30}, {"GB", 1ull << 30}, {"T", 1ull << 40}, {"TB", 1ull << 40}};

std::optional<std::uint64_t> parse_with_unit(std::string_view text, std::span<const Unit> units) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc()) return std::nullopt;
    const std::string_view suffix = text.substr(static_cast<std::size_t>(end - text.data()));
    for (const Unit& unit : units) {
        if (unit.suffix != suffix) continue;
        if (number > UINT64_MAX / unit.factor) return std::nullopt;
        return number * unit.factor;
    }
    return std::nullopt;
}

Status wrong(std::string_view key, std::string_view value, std::string_view wanted) {
    return {ErrorCode::invalid_config,
            std::string(key) + "=" + std::string(value.substr(0, 64)) + ": wanted " + std::string(wanted)};
}

// The largest unit that keeps the number whole, so that what a user typed reads back as typed.
std::string with_unit(std::uint64_t number, std::span<const Unit> units, std::string_view smallest) {
    for (std::size_t i = units.size(); i-- > 0;)
        if (units[i].factor > 1 && number > 0 && number % units[i].factor == 0 && units[i].suffix != "K" &&
            units[i].suffix != "M" && units[i].suffix != "G" && units[i].suffix != "T")
            return std::to_string(number / units[i].factor) + std::string(units[i].suffix);
    return std::to_string(number) + std::string(smallest);
}

Status set_min_insync(TopicConfig& config, std::string_view value) {
    const auto count = parse_with_unit(value, std::span(kSizes).first(1));
    if (!count || *count < 1 || *count > limits::kMaxReplicas) return wrong("min_insync", value, "1 to 7");
    config.min_insync = static_cast<std::uint32_t>(*count);
    return {};
}

Status set_retention(TopicConfig& config, std::string_view value) {
    if (value == "-1" || value == "forever") {
        config.retention_ms.reset();
        return {};
    }
    const auto retention_ms = parse_duration_ms(value);
    if (!retention_ms || *retention_ms == 0) return wrong("retention", value, "a time such as 90s, 12h or 7d, or -1 for ever");
    config.retention_ms = *retention_ms;
    return {};
}

Status set_retention_bytes(TopicConfig& config, std::string_view value) {
    if (value == "-1") {
        config.retention_bytes.reset();
        return {};
    }
    const auto bytes = parse_size_bytes(value);
    if (!bytes || *bytes == 0) return wrong("retention_bytes", value, "a size such as 100MB, or -1 for no bound");
    config.retention_bytes = *bytes;
    return {};
}

Status set_max_batch_bytes(TopicConfig& config, std::string_view value) {
    const auto bytes = parse_size_bytes(value);
    if (!bytes || *bytes < limits::kMinBatchBytes || *bytes > limits::kMaxBatchBytes)
        return wrong("max_batch_bytes", value, "1KB to 4MB");
    config.max_batch_bytes = *bytes;
    return {};
}

}  // namespace

std::optional<std::uint64_t> parse_duration_ms(std::string_view text) { return parse_with_unit(text, kDurations); }
std::optional<std::uint64_t> parse_size_bytes(std::string_view text) { return parse_with_unit(text, kSizes); }

Status set_config(TopicConfig& config, std::string_view key, std::string_view value) {
    if (key == "min_insync") return set_min_insync(config, value);
    if (key == "retention") return set_retention(config, value);
    if (key == "retention_bytes") return set_retention_bytes(config, value);
    if (key == "max_batch_bytes") return set_max_batch_bytes(config, value);
    if (key == "durability") {
        if (value != "fsync" && value != "os") return wrong(key, value, "fsync or os");
        config.sync = value == "fsync";
        return {};
    }
    if (key == "cleanup") {
        if (value == "compact") return {ErrorCode::invalid_config, "cleanup=compact is not there yet; use cleanup=delete"};
        return value == "delete" ? Status{} : wrong(key, value, "delete");
    }
    return {ErrorCode::invalid_config, "there is no key '" + std::string(key.substr(0, 64)) +
                                           "'; known: min_insync, retention, retention_bytes, cleanup, durability, max_batch_bytes"};
}

std::vector<std::pair<std::string, std::string>> config_pairs(const TopicConfig& config) {
    return {
        {"cleanup", "delete"},
        {"durability", config.sync ? "fsync" : "os"},
        {"max_batch_bytes", with_unit(config.max_batch_bytes, kSizes, "")},
        {"min_insync", std::to_string(config.min_insync)},
        {"retention", config.retention_ms ? with_unit(*config.retention_ms, kDurations, "ms") : "-1"},
        {"retention_bytes", config.retention_bytes ? with_unit(*config.retention_bytes, kSizes, "") : "-1"},
    };
}

}  // namespace sedge::node
