#include "node/io/config.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "node/io/config_file.h"
#include "node/io/config_options.h"

namespace sedge::node {
namespace {

constexpr int kUsageExitStatus = 2;
constexpr const char* kDefaultConfigFile = "/etc/sedge/sedge.toml";
constexpr const char* kExamples = R"(Examples:
  sedged --data ./data                              a node for this machine on port 7701
  sedged --data /srv/sedge --listen 0.0.0.0:7701 --advertise edge1.local:7701
  sedged --data ./b --listen 10.0.0.2:7701 --name b --join 10.0.0.1:7701   joins the mesh of that node
  sedged --config /etc/sedge/sedge.toml --check     says what is in force, and starts nothing
Every option can also stand in the file (TOML, _ for -) or in the environment (SEDGE_DATA, SEDGE_LOG_LEVEL, ...).)";

Invocation leave(int status, std::string output) {
    Invocation invocation;
    invocation.action = Invocation::Action::exit;
    invocation.exit_status = status;
    invocation.output = std::move(output);
    return invocation;
}

// What the command line gave, by the option's key.
struct CommandLine {
    std::map<std::string_view, std::vector<std::string>> values;
    std::string config_file;
    bool check = false;
};

void declare_options(CLI::App& app, CommandLine& line) {
    app.add_option("--config", line.config_file, "the configuration file (default: /etc/sedge/sedge.toml if it is there)")
        ->type_name("FILE");
    for (const auto& option : config_options()) {
        auto& values = line.values[option.key];
        const std::string help(option.help);
        if (option.kind == ConfigOption::Kind::flag) {
            app.add_flag_callback(std::string(option.option), [&values] { values = {"true"}; }, help);
            continue;
        }
        auto* added = app.add_option(std::string(option.option), values, help);
        added->type_name(std::string(option.value_name))->expected(1);
        if (option.kind == ConfigOption::Kind::list)
            added->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
        else
            added->multi_option_policy(CLI::MultiOptionPolicy::Throw);
    }
    app.add_flag("--check", line.check, "validate, print what is in force, and end");
    app.set_version_flag("--version", std::string(BrokerOptions{}.software));
    app.footer(kExamples);
}

// nullopt: go on.
std::optional<Invocation> parse_command_line(const std::vector<std::string>& arguments, CommandLine& line) {
    CLI::App app("sedged: a node of a Sedge mesh, a broker for the edge.", "sedged");
    declare_options(app, line);
    try {
        std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
        app.parse(std::move(reversed));
        return std::nullopt;
    } catch (const CLI::Success& success) {
        std::ostringstream out, ignored;
        app.exit(success, out, ignored);
        return leave(0, out.str());
    } catch (const CLI::ParseError& error) {
        return leave(kUsageExitStatus, std::string("sedged: ") + error.what() + "\nTry: sedged --help\n");
    }
}

Status apply(NodeConfig& config, const ConfigOption& option, const std::vector<ConfigValue>& values) {
    if (option.clear != nullptr) option.clear(config);
    for (const auto& value : values)
        if (auto status = option.set(config, value.text); !status.ok())
            return {status.code, value.origin + ": " + status.message};
    return {};
}

std::vector<ConfigValue> with_origin(const std::vector<std::string>& texts, const std::string& origin) {
    std::vector<ConfigValue> values;
    for (const auto& text : texts) values.push_back({text, origin});
    return values;
}

// A list is separated by commas, anything else is taken as it is.
std::vector<ConfigValue> environment_values(const ConfigOption& option, const std::string& text) {
    const std::string origin = "environment " + environment_name(option);
    if (option.kind != ConfigOption::Kind::list) return {{text, origin}};
    std::vector<ConfigValue> values;
    std::istringstream parts(text);
    for (std::string part; std::getline(parts, part, ',');)
        if (!part.empty()) values.push_back({part, origin});
    return values;
}

std::string host_name() {
    char name[256] = {};
    if (::gethostname(name, sizeof name - 1) != 0) return "sedge";
    std::string clean;
    for (const char c : std::string_view(name)) {
        const bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
        clean += allowed ? c : '-';
    }
    return clean.empty() ? "sedge" : clean.substr(0, 64);
}

// The file that is to be read; empty if there is none.
std::string choose_file(const CommandLine& line, const Environment& environment) {
    if (!line.config_file.empty()) return line.config_file;
    if (auto given = environment("SEDGE_CONFIG"); given && !given->empty()) return *given;
    return ::access(kDefaultConfigFile, R_OK) == 0 ? kDefaultConfigFile : "";
}

std::string in_force(const Invocation& invocation, const std::map<std::string_view, std::string>& origins) {
    std::string out = "# in force; read from: " + (invocation.config_file.empty() ? "no file" : invocation.config_file) + "\n";
    for (const auto& option : config_options()) {
        std::string line(option.key);
        line += " = " + option.show(invocation.config);
        const auto origin = origins.find(option.key);
        if (origin != origins.end()) line += "  # " + origin->second;
        out += line + "\n";
    }
    return out;
}

}  // namespace

std::optional<std::string> process_environment(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

Invocation read_invocation(const std::vector<std::string>& arguments, const Environment& environment) {
    CommandLine line;
    if (auto done = parse_command_line(arguments, line)) return *std::move(done);

    Invocation invocation;
    invocation.action = line.check ? Invocation::Action::check : Invocation::Action::run;
    invocation.config.name = host_name();
    invocation.config_file = choose_file(line, environment);
    ConfigFile file;
    if (!invocation.config_file.empty()) {
        auto read = read_config_file(invocation.config_file);
        if (!read.ok()) return leave(kUsageExitStatus, "sedged: " + read.status().message + "\n");
        file = std::move(*read);
    }

    std::map<std::string_view, std::string> origins;
    for (const auto& option : config_options()) {
        std::vector<ConfigValue> values;
        bool given = false;
        if (const auto& typed = line.values[option.key]; !typed.empty()) {
            values = with_origin(typed, std::string(option.option));
            given = true;
        } else if (const auto variable = environment(environment_name(option))) {
            values = environment_values(option, *variable);
            given = true;
        } else if (const auto entry = file.find(std::string(option.key)); entry != file.end()) {
            values = entry->second;
            given = true;
        }
        if (!given) continue;
        if (auto status = apply(invocation.config, option, values); !status.ok())
            return leave(kUsageExitStatus, "sedged: " + status.message + "\n");
        if (!values.empty()) origins[option.key] = values.front().origin;
    }
    if (auto status = check_config(invocation.config); !status.ok())
        return leave(kUsageExitStatus, "sedged: " + status.message + "\n");
    if (invocation.action == Invocation::Action::check) invocation.output = in_force(invocation, origins);
    return invocation;
}

}  // namespace sedge::node
