// How a daemon was told to run: options over environment (SEDGE_*) over the file (TOML) over defaults.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "node/core/options.h"
#include "node/io/config_values.h"
#include "node/io/log.h"
#include "schema/status.h"

namespace sedge::node {

struct NodeConfig {
    std::string data_directory = "/var/lib/sedge";
    HostPort listen{"127.0.0.1", 7701};
    std::optional<HostPort> peer_listen;    // default: listen's host, port + 1
    std::optional<HostPort> stream_listen;  // port + 2
    std::optional<HostPort> http_listen;    // port + 79
    bool http = true;
    std::optional<HostPort> advertise;      // what clients are told; default: where the node listens
    std::vector<HostPort> join;
    std::string name;                       // default: the host's name
    std::vector<std::pair<std::string, std::string>> labels;
    LogLevel log_level = LogLevel::info;
    bool trust_clock = false;
    std::size_t max_connections = 1024;
    std::optional<std::uint64_t> segment_bytes;  // default: by the size of the disk
    std::size_t read_threads = 1;
    BrokerOptions broker;                   // budgets only; names and ids are filled in at the start

    HostPort http_address() const;
    HostPort peer_address() const;
    HostPort stream_address() const;
};

// What to do with a command line.
struct Invocation {
    enum class Action { run, check, exit };
    Action action = Action::run;
    int exit_status = 0;       // of `exit`
    std::string output;        // of `check` and `exit`: for stdout if the exit status is 0, else for stderr
    std::string config_file;   // empty: none was read
    NodeConfig config;
};

using Environment = std::function<std::optional<std::string>(const std::string& name)>;
// The process's own.
std::optional<std::string> process_environment(const std::string& name);

// Never fails: what is wrong is an `exit` with status 2, whose output says where it stands and what would be right.
Invocation read_invocation(const std::vector<std::string>& arguments, const Environment& environment);

}  // namespace sedge::node
