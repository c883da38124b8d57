#include "node/io/config_file.h"

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>

#include "node/io/config_options.h"

namespace sedge::node {
namespace {

Status invalid(std::string message) { return {ErrorCode::invalid_config, std::move(message)}; }

std::string at_line(const std::string& path, const toml::source_region& source) {
    return path + ":" + std::to_string(source.begin.line);
}

// Text, a number or a truth value, as the text that the option's parser reads.
std::optional<std::string> scalar_text(const toml::node& node) {
    if (const auto* text = node.as_string()) return text->get();
    if (const auto* number = node.as_integer()) return std::to_string(number->get());
    if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
    return std::nullopt;
}

Status unknown_key(const std::string& where, std::string_view key) {
    std::vector<std::string_view> known;
    for (const auto& option : config_options()) known.push_back(option.key);
    std::string message = where + ": there is no option \"" + std::string(key) + "\"";
    const auto meant = nearest_word(key, known);
    message += meant.empty() ? "; sedged --help lists them" : "; did you mean \"" + std::string(meant) + "\"?";
    return invalid(std::move(message));
}

// An array of scalars, or a table whose entries become key=value.
Status read_list(const toml::node& node, const std::string& path, const std::string& key, std::vector<ConfigValue>& out) {
    const auto add = [&](const toml::node& element, const std::string& prefix) -> Status {
        const std::string origin = at_line(path, element.source()) + ": " + key;
        auto text = scalar_text(element);
        if (!text) return invalid(origin + ": every value must be text in quotes");
        out.push_back({prefix + *text, origin});
        return {};
    };
    if (const auto* array = node.as_array()) {
        for (const auto& element : *array)
            if (auto status = add(element, ""); !status.ok()) return status;
        return {};
    }
    if (const auto* table = node.as_table()) {
        for (const auto& [name, element] : *table)
            if (auto status = add(element, std::string(name.str()) + "="); !status.ok()) return status;
        return {};
    }
    return add(node, "");
}

Status read_option(const toml::key& toml_key, const toml::node& node, const std::string& path, ConfigFile& out) {
    const std::string key(toml_key.str());
    const ConfigOption* option = find_config_option(key);
    if (option == nullptr) return unknown_key(at_line(path, toml_key.source()), key);
    auto& values = out[key];
    if (option->kind == ConfigOption::Kind::list) return read_list(node, path, key, values);
    const std::string origin = at_line(path, node.source()) + ": " + key;
    auto text = scalar_text(node);
    if (!text) {
        const std::string form = option->value_name.empty() ? "true or false" : "\"" + std::string(option->value_name) + "\"";
        return invalid(origin + ": must be a single value: " + key + " = " + form);
    }
    values.push_back({*std::move(text), origin});
    return {};
}

}  // namespace

Result<ConfigFile> parse_config(const std::string& text, const std::string& path) {
    const auto parsed = toml::parse(std::string_view(text), std::string_view(path));
    if (!parsed) {
        const auto& error = parsed.error();
        return invalid(at_line(path, error.source()) + ": not valid TOML: " + std::string(error.description()));
    }
    ConfigFile file;
    for (const auto& [key, node] : parsed.table())
        if (auto status = read_option(key, node, path, file); !status.ok()) return status;
    return file;
}

Result<ConfigFile> read_config_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    if (in) text << in.rdbuf();
    if (!in || in.bad()) return invalid(path + ": cannot be read: " + std::strerror(errno));
    return parse_config(text.str(), path);
}

}  // namespace sedge::node
