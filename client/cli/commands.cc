// The command line of each noun: options, help and an example. The work is in NOUN_commands.cc and VERB_command.cc.
#include "client/cli/commands.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "schema/limits.h"

namespace sedge::cli {
namespace {

CLI::App* add(CLI::App& app, const std::string& name, const std::string& what, const std::string& example) {
    auto* command = app.add_subcommand(name, what);
    command->footer("\nExample: " + example);
    return command;
}

// Runs `work` with the arguments that the command line filled in.
template <class Arguments, class Work>
void run(CLI::App* command, Context& context, const std::shared_ptr<Arguments>& arguments, Work work) {
    command->callback([&context, arguments, work] {
        context.action = [&context, arguments, work] { return work(context, *arguments); };
    });
}

}  // namespace

void add_topic_commands(CLI::App& app, Context& context) {
    auto* topic = add(app, "topic", "Make, look at, change and delete topics", "sedge topic list");
    topic->require_subcommand(1);
    const auto arguments = std::make_shared<TopicArguments>();

    auto* create = add(*topic, "create", "Make a topic", "sedge topic create readings -p 4 -c retention=7d");
    create->add_option("name", arguments->name, "Its name: letters, digits, '.', '_', '-'")->required();
    create->add_option("-p,--partitions", arguments->partitions, "How many partitions")
        ->check(CLI::Range(1u, limits::kMaxPartitionsPerTopic))->capture_default_str();
    create->add_option("-r,--replicas", arguments->replicas, "On how many nodes")
        ->check(CLI::Range(1u, limits::kMaxReplicas))->capture_default_str();
    create->add_option("-c,--config", arguments->config,
                       "key=value of min_insync, retention (7d), retention_bytes, cleanup=delete, durability=fsync|os, max_batch_bytes")
        ->allow_extra_args(false)->type_name("KEY=VALUE");
    run(create, context, arguments, topic_create);

    auto* list = add(*topic, "list", "All topics", "sedge topic list --json");
    run(list, context, arguments, [](const Context& c, const TopicArguments&) { return topic_list(c); });

    auto* describe = add(*topic, "describe", "One topic: configuration, and each partition's leader and offsets",
                                                            "sedge topic describe readings");
    describe->add_option("name", arguments->name, "The topic")->required();
    run(describe, context, arguments, topic_describe);

    auto* alter = add(*topic, "alter", "Change a topic's configuration", "sedge topic alter readings retention=30d");
    alter->add_option("name", arguments->name, "The topic")->required();
    alter->add_option("config", arguments->config, "What to change")->required()->type_name("KEY=VALUE");
    run(alter, context, arguments, topic_alter);

    auto* remove = add(*topic, "delete", "Delete a topic and all its records", "sedge topic delete readings");
    remove->add_option("name", arguments->name, "The topic")->required();
    run(remove, context, arguments, topic_delete);
}

void add_produce_command(CLI::App& app, Context& context) {
    const auto arguments = std::make_shared<ProduceArguments>();
    auto* produce_command =
        add(app, "produce", "Publish standard input, a record a line, each sent as it comes",
                                           "echo 'boiler:71.5' | sedge produce readings -K :");
    produce_command->add_option("topic", arguments->topic, "Where to")->required();
    auto* key = produce_command->add_option("-k,--key", arguments->key, "The key of every record");
    produce_command->add_option("-K,--key-delimiter", arguments->key_delimiter, "Each line is KEY, this delimiter, VALUE")->excludes(key);
    produce_command->add_option("-p,--partition", arguments->partition, "The partition; else by the key's hash")->check(CLI::NonNegativeNumber);
    produce_command->add_option("-H,--header", arguments->headers, "A header of every record; may be repeated")
        ->allow_extra_args(false)->type_name("NAME=VALUE");
    produce_command->add_option("-z,--compression", arguments->compression, "Compress batches")->check(CLI::IsMember({"zstd", "lz4"}));
    produce_command->add_option("--acks", arguments->acks, "What an acknowledgement means: 0 nothing, 1 stored by the leader, all in-sync replicas")
        ->check(CLI::IsMember({"0", "1", "all"}))->capture_default_str();
    produce_command->add_flag("-v,--verbose", arguments->verbose, "Print each acknowledgement");
    run(produce_command, context, arguments, produce);
}

void add_consume_command(CLI::App& app, Context& context) {
    const auto arguments = std::make_shared<ConsumeArguments>();
    auto* consume_command =
        add(app, "consume", "Print records", "sedge consume readings -o -10 -e -f '%p %o %k %v\\n'");
    consume_command->add_option("topic", arguments->topic, "Where from")->required();
    consume_command->add_option("-p,--partition", arguments->partitions, "Only these partitions")
        ->delimiter(',')->allow_extra_args(false)->check(CLI::NonNegativeNumber);
    consume_command->add_option("-o,--offset", arguments->from,
                                "Where to begin: beginning, end, an offset, -N (the last N of each partition), @TIME (ms or ISO 8601)")
        ->capture_default_str();
    consume_command->add_option("-n,--count", arguments->count, "Stop after so many records")->check(CLI::NonNegativeNumber);
    consume_command->add_flag("-e,--exit", arguments->stop_at_end, "Stop at the end");
    consume_command->add_option("-f,--format", arguments->format,
                                "%t topic, %p partition, %o offset, %T timestamp, %k key, %v value, %h headers, \\n, \\t")
        ->capture_default_str();
    consume_command->add_option("-g,--group", arguments->group, "As a member of a consumer group (in a later version)");
    run(consume_command, context, arguments, consume);
}

void add_cluster_commands(CLI::App& app, Context& context) {
    auto* cluster = add(app, "cluster", "Look at the mesh", "sedge cluster info");
    cluster->require_subcommand(1);
    const auto nothing = std::make_shared<int>();
    auto* info = add(*cluster, "info", "The nodes, their state and versions", "sedge cluster info");
    run(info, context, nothing, [](const Context& c, int) { return cluster_info(c); });
    auto* health = add(*cluster, "health", "Exits 0 only when every partition has a leader and all its replicas in sync", "sedge cluster health || alarm");
    run(health, context, nothing, [](const Context& c, int) { return cluster_health(c); });
}

}  // namespace sedge::cli
