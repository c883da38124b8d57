// The configuration file: TOML, flat keys, as in node/sedge.toml.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "schema/status.h"

namespace sedge::node {

struct ConfigValue {
    std::string text;
    std::string origin;  // for error messages: `/etc/sedge/sedge.toml:12: listen`
};

// By key; a key that is no list has one value.
using ConfigFile = std::map<std::string, std::vector<ConfigValue>>;

// invalid_config with file, line and what would be right: unreadable, not TOML, an unknown key, a value of the wrong type.
Result<ConfigFile> read_config_file(const std::string& path);
// The same for the text of a file called `path`.
Result<ConfigFile> parse_config(const std::string& text, const std::string& path);

}  // namespace sedge::node
