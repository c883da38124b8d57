// The values that a configuration can have, read from text. Errors are the end of a sentence: `"x" is not a size, for example 64MB`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "schema/status.h"

namespace sedge::node {

struct HostPort {
    std::string host;  // a name or an address; IPv6 without brackets
    std::uint16_t port = 0;

    bool operator==(const HostPort&) const = default;
};

// "127.0.0.1:7701", "[::1]:7701", "*:7701" (every address). invalid_config otherwise.
Result<HostPort> parse_host_port(std::string_view text);
// With brackets around an IPv6 address.
std::string to_string(const HostPort& address);

// Decimal digits only, between `least` and `most`.
Result<std::uint64_t> parse_number(std::string_view text, std::uint64_t least, std::uint64_t most);
// "1048576", "64KB", "16MB", "1GB", "1GiB": powers of 1024.
Result<std::uint64_t> parse_bytes(std::string_view text);
std::string format_bytes(std::uint64_t bytes);
// "500ms", "10s", "30m", "12h", "7d".
Result<std::uint64_t> parse_time_span_ms(std::string_view text);
std::string format_time_span_ms(std::uint64_t duration_ms);
// "true" or "false" (also 1/0, yes/no, on/off).
Result<bool> parse_bool(std::string_view text);

// Of `words`, the one that `word` was probably meant to be; empty if none is near.
template <class Words>
std::string_view nearest_word(std::string_view word, const Words& words);
// How many letters have to be changed, added or dropped to make one of the other.
std::size_t edit_distance(std::string_view a, std::string_view b);

template <class Words>
std::string_view nearest_word(std::string_view word, const Words& words) {
    std::string_view best;
    std::size_t least = word.size() / 3 + 2;
    for (const std::string_view candidate : words) {
        const std::size_t distance = edit_distance(word, candidate);
        if (distance >= least) continue;
        least = distance;
        best = candidate;
    }
    return best;
}

}  // namespace sedge::node
