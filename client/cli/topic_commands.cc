// `sedge topic ...`: the work.
#include <cstdio>

#include "client/admin.h"
#include "client/cli/commands.h"
#include "client/cli/json_output.h"
#include "client/cli/output.h"
#include "client/cli/text.h"

namespace sedge::cli {
namespace {

// key=value pairs; nullopt, and a complaint on stderr, if one is none.
std::optional<TopicConfig> parse_config(const std::vector<std::string>& texts) {
    TopicConfig config;
    for (const auto& text : texts) {
        auto pair = parse_pair(text);
        if (!pair) {
            std::fprintf(stderr, "sedge: '%s' is not key=value, for example retention=7d\n", text.c_str());
            return std::nullopt;
        }
        config.push_back(std::move(*pair));
    }
    return config;
}

std::string config_text(const TopicInfo& topic) {
    std::vector<std::string> parts;
    for (const auto& [key, value] : topic.config) parts.push_back(key + "=" + value);
    return join(parts, " ");
}

int show_topic(const Context& context, const TopicInfo& topic, const char* done) {
    if (context.json) return print(json_of(topic)) ? kDone : kLeftUndone;
    const auto line = std::string("topic ") + topic.name + " " + done + ": " + std::to_string(topic.partitions.size()) +
                      (topic.partitions.size() == 1 ? " partition" : " partitions") + ", " + config_text(topic) + "\n";
    return print(line) ? kDone : kLeftUndone;
}

}  // namespace

int topic_create(const Context& context, const TopicArguments& arguments) {
    auto config = parse_config(arguments.config);
    if (!config) return kUsage;
    Admin admin(context.connect_options(), context.timeout_ms);
    const auto made = admin.create_topic({arguments.name, arguments.partitions, arguments.replicas, std::move(*config)});
    if (!made.ok()) return report_failure(context, "create topic " + arguments.name, made.status(), admin.last_node());
    return show_topic(context, *made, "created");
}

int topic_alter(const Context& context, const TopicArguments& arguments) {
    const auto config = parse_config(arguments.config);
    if (!config) return kUsage;
    Admin admin(context.connect_options(), context.timeout_ms);
    const auto altered = admin.alter_topic(arguments.name, *config);
    if (!altered.ok()) return report_failure(context, "alter topic " + arguments.name, altered.status(), admin.last_node());
    return show_topic(context, *altered, "altered");
}

int topic_delete(const Context& context, const TopicArguments& arguments) {
    Admin admin(context.connect_options(), context.timeout_ms);
    const auto status = admin.delete_topic(arguments.name);
    if (!status.ok()) return report_failure(context, "delete topic " + arguments.name, status, admin.last_node());
    return print(context.json ? json_of_deleted(arguments.name) : "topic " + arguments.name + " deleted\n") ? kDone : kLeftUndone;
}

int topic_list(const Context& context) {
    Admin admin(context.connect_options(), context.timeout_ms);
    const auto topics = admin.list_topics();
    if (!topics.ok()) return report_failure(context, "list topics", topics.status(), admin.last_node());
    if (context.json) return print(json_of(*topics)) ? kDone : kLeftUndone;
    Table table({"TOPIC", "PARTITIONS", "REPLICAS"});
    for (const auto& topic : *topics) {
        const auto replicas = topic.partitions.empty() ? 0 : topic.partitions.front().replicas.size();
        table.row({topic.name, std::to_string(topic.partitions.size()), std::to_string(replicas)});
    }
    return print(table.text(context.stdout_is_terminal)) ? kDone : kLeftUndone;
}

int topic_describe(const Context& context, const TopicArguments& arguments) {
    Admin admin(context.connect_options(), context.timeout_ms);
    const auto topic = admin.describe_topic(arguments.name);
    if (!topic.ok()) return report_failure(context, "describe topic " + arguments.name, topic.status(), admin.last_node());
    if (context.json) return print(json_of(*topic)) ? kDone : kLeftUndone;
    std::string text = "topic   " + topic->name + "\nid      " + to_string(topic->id) + "\nconfig  " + config_text(*topic) + "\n\n";
    Table table({"PARTITION", "LEADER", "EPOCH", "REPLICAS", "ISR", "START", "END", "HIGH_WATERMARK", "BYTES"});
    for (const auto& partition : topic->partitions)
        table.row({std::to_string(partition.partition.value), partition.leader.value_or("none"), std::to_string(partition.epoch.value),
                   join(partition.replicas), join(partition.isr), std::to_string(partition.start.value),
                   std::to_string(partition.end.value), std::to_string(partition.high_watermark.value),
                   context.stdout_is_terminal ? human_bytes(partition.bytes) : std::to_string(partition.bytes)});
    text += table.text(context.stdout_is_terminal);
    return print(text) ? kDone : kLeftUndone;
}

}  // namespace sedge::cli
