// Reading what people type: places in a log, times, key=value; and writing what they read: numbers, tables, records.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/consumer.h"
#include "schema/status.h"

namespace sedge::cli {

// "beginning", "end", "OFFSET", "-N" (the last N) or "@TIME": milliseconds since 1970, or ISO 8601 (UTC unless it says otherwise).
Result<StartAt> parse_start(std::string_view text);
// Milliseconds since 1970 of "2025-03-01", "2025-03-01T12:00:00Z", "2025-03-01T12:00:00.5+01:00"; nullopt if it is none.
std::optional<std::uint64_t> parse_iso_time(std::string_view text);
// "key=value"; nullopt if there is no "=" or no key.
std::optional<std::pair<std::string, std::string>> parse_pair(std::string_view text);
// "edge1:7701", "10.0.0.2:7701", "[fe80::1]:7701".
bool is_host_and_port(std::string_view text);

// How `consume` writes a record: %t topic, %p partition, %o offset, %T timestamp, %k key, %v value, %h headers, %% a percent
// sign; \n \t \r \\ \0. Parsed once, applied to every record.
class RecordFormat {
  public:
    static Result<RecordFormat> parse(std::string_view text);
    void append(const ConsumerRecord& record, std::string& out) const;

  private:
    struct Piece {
        char field = 0;       // 0: literal
        std::string literal;
    };
    std::vector<Piece> pieces_;
};

// "1,234 B", "12.3 MB".
std::string human_bytes(std::uint64_t bytes);

// Rows under titles: aligned with a terminal on stdout, else separated by tabs.
class Table {
  public:
    explicit Table(std::vector<std::string> titles) : titles_(std::move(titles)) {}
    void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
    std::string text(bool terminal) const;

  private:
    std::vector<std::string> titles_;
    std::vector<std::vector<std::string>> rows_;
};

std::string join(const std::vector<std::string>& parts, std::string_view separator = ",");

}  // namespace sedge::cli
