// The table of everything that can be configured: one line an option, whatever the source of its value.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "node/io/config.h"

namespace sedge::node {

struct ConfigOption {
    enum class Kind { one, list, flag };
    std::string_view key;        // in the file; the environment has SEDGE_ and this in capitals
    std::string_view option;     // on the command line, with its dashes
    Kind kind = Kind::one;
    std::string_view value_name;
    std::string_view help;
    // Sets it; a status that says what is wrong otherwise. Called once per value, for a list after clearing it.
    Status (*set)(NodeConfig&, std::string_view value);
    // What is in force, as TOML.
    std::string (*show)(const NodeConfig&);
    void (*clear)(NodeConfig&) = nullptr;  // lists only
};

std::span<const ConfigOption> config_options();
const ConfigOption* find_config_option(std::string_view key);
std::string environment_name(const ConfigOption& option);
// What no single option can know: limits that depend on each other.
Status check_config(const NodeConfig& config);

}  // namespace sedge::node
