#include "node/io/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <memory>

namespace sedge::node {
namespace {

struct LevelName {
    LogLevel level;
    std::string_view name;
    spdlog::level::level_enum spdlog_level;
};
constexpr std::array kLevels{
    LevelName{LogLevel::debug, "debug", spdlog::level::debug},
    LevelName{LogLevel::info, "info", spdlog::level::info},
    LevelName{LogLevel::warning, "warning", spdlog::level::warn},
    LevelName{LogLevel::error, "error", spdlog::level::err},
};

const LevelName& entry_of(LogLevel level) { return kLevels[static_cast<std::size_t>(level)]; }

spdlog::logger& logger() {
    static const std::shared_ptr<spdlog::logger> instance = [] {
        auto made = std::make_shared<spdlog::logger>("sedged", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        made->set_formatter(std::make_unique<spdlog::pattern_formatter>("%l %Y-%m-%dT%H:%M:%S.%eZ %v",
                                                                        spdlog::pattern_time_type::utc));
        made->flush_on(spdlog::level::debug);
        return made;
    }();
    return *instance;
}

bool needs_quotes(std::string_view text) {
    if (text.empty()) return true;
    for (const char c : text)
        if (c <= ' ' || c == '"' || c == '\\' || c == '=' || c == 0x7f) return true;  // c < 0: UTF-8, as signed char
    return false;
}

void append_quoted(std::string& out, std::string_view text) {
    constexpr std::string_view kHex = "0123456789abcdef";
    out += '"';
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (c == '\n') {
            out += "\\n";
        } else if (byte < 0x20 || byte == 0x7f) {
            out += "\\x";
            out += kHex[byte >> 4];
            out += kHex[byte & 15];
        } else {
            out += c;
        }
    }
    out += '"';
}

}  // namespace

std::string_view to_string(LogLevel level) { return entry_of(level).name; }

std::optional<LogLevel> log_level_from(std::string_view name) {
    for (const auto& entry : kLevels)
        if (entry.name == name) return entry.level;
    return std::nullopt;
}

void set_log_level(LogLevel level) { logger().set_level(entry_of(level).spdlog_level); }

std::string format_event(std::string_view event, std::initializer_list<LogField> fields) {
    std::string line(event);
    for (const auto& field : fields) {
        line += ' ';
        line += field.key;
        line += '=';
        if (needs_quotes(field.value))
            append_quoted(line, field.value);
        else
            line += field.value;
    }
    return line;
}

void log_event(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
    const auto spdlog_level = entry_of(level).spdlog_level;
    if (!logger().should_log(spdlog_level)) return;
    logger().log(spdlog_level, format_event(event, fields));
}

}  // namespace sedge::node
