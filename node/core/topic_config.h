// What a topic can be told, as users write it ("retention=7d") and as the core uses it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schema/limits.h"
#include "schema/status.h"

namespace sedge::node {

struct TopicConfig {
    std::uint32_t min_insync = 1;
    std::optional<std::uint64_t> retention_ms = 7ull * 24 * 3600 * 1000;  // nullopt: for ever
    std::optional<std::uint64_t> retention_bytes;                         // per partition; nullopt: no bound
    bool sync = true;                                                     // durability=fsync; false: os
    std::uint64_t max_batch_bytes = limits::kDefaultBatchBytes;
    bool operator==(const TopicConfig&) const = default;
};

// Sets one key. invalid_config that names the key and says what would be right.
Status set_config(TopicConfig& config, std::string_view key, std::string_view value);

// Every key with its value, as set_config() takes them; sorted by key.
std::vector<std::pair<std::string, std::string>> config_pairs(const TopicConfig& config);

// "250ms", "90s", "15m", "12h", "7d", or a plain number of milliseconds.
std::optional<std::uint64_t> parse_duration_ms(std::string_view text);
// "1024", "64KB", "100MB", "2GB" (powers of 1024).
std::optional<std::uint64_t> parse_size_bytes(std::string_view text);

}  // namespace sedge::node
