// The commands of `sedge` as functions: what the command line says, as values, and the work. Each returns an ExitCode.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/cli/context.h"

namespace CLI {
class App;
}

namespace sedge::cli {

// Each adds its noun or verb, with help and an example, to the command line. `context` outlives `app`.
void add_topic_commands(CLI::App& app, Context& context);
void add_produce_command(CLI::App& app, Context& context);
void add_consume_command(CLI::App& app, Context& context);
void add_cluster_commands(CLI::App& app, Context& context);

struct TopicArguments {
    std::string name;
    std::uint32_t partitions = 1;
    std::uint32_t replicas = 1;
    std::vector<std::string> config;  // "key=value"
};
int topic_create(const Context& context, const TopicArguments& arguments);
int topic_list(const Context& context);
int topic_describe(const Context& context, const TopicArguments& arguments);
int topic_alter(const Context& context, const TopicArguments& arguments);
int topic_delete(const Context& context, const TopicArguments& arguments);

struct ProduceArguments {
    std::string topic;
    std::optional<std::string> key;        // -k: of every record
    std::optional<std::string> key_delimiter;             // -K: each line is key, delimiter, value
    std::optional<std::uint32_t> partition;
    std::vector<std::string> headers;      // "k=v"
    std::string compression;               // "", "zstd", "lz4"
    std::string acks = "all";
    bool verbose = false;
};
int produce(const Context& context, const ProduceArguments& arguments);

struct ConsumeArguments {
    std::string topic;
    std::vector<std::uint32_t> partitions; // none: all
    std::string from = "beginning";
    std::optional<std::uint64_t> count;
    bool stop_at_end = false;
    std::string format = "%v\\n";
    std::string group;
};
int consume(const Context& context, const ConsumeArguments& arguments);

int cluster_info(const Context& context);
int cluster_health(const Context& context);

}  // namespace sedge::cli
