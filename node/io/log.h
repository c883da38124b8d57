// The daemon's log: one line an event on stderr, `level time event key=value ...`, time in UTC.
// Any thread. Values are quoted and escaped where they need it, so that no client can forge a line.
#pragma once

#include <concepts>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace sedge::node {

enum class LogLevel { debug, info, warning, error };

std::string_view to_string(LogLevel level);
std::optional<LogLevel> log_level_from(std::string_view name);

struct LogField {
    LogField(std::string_view name, std::string_view text) : key(name), value(text) {}
    LogField(std::string_view name, const std::string& text) : key(name), value(text) {}
    LogField(std::string_view name, const char* text) : key(name), value(text) {}
    LogField(std::string_view name, std::integral auto number) : key(name), value(std::to_string(number)) {}

    std::string_view key;
    std::string value;
};

// Begins logging; call once, before threads. Until then everything from `info` up is written.
void set_log_level(LogLevel level);

void log_event(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});

inline void log_debug(std::string_view event, std::initializer_list<LogField> fields = {}) {
    log_event(LogLevel::debug, event, fields);
}
inline void log_info(std::string_view event, std::initializer_list<LogField> fields = {}) {
    log_event(LogLevel::info, event, fields);
}
inline void log_warning(std::string_view event, std::initializer_list<LogField> fields = {}) {
    log_event(LogLevel::warning, event, fields);
}
inline void log_error(std::string_view event, std::initializer_list<LogField> fields = {}) {
    log_event(LogLevel::error, event, fields);
}

// The text behind the time: `event key=value key="two words"`.
std::string format_event(std::string_view event, std::initializer_list<LogField> fields);

}  // namespace sedge::node
