// `sedge cluster ...`: the work.
#include "client/admin.h"
#include "client/cli/commands.h"
#include "client/cli/json_output.h"
#include "client/cli/output.h"
#include "client/cli/text.h"

namespace sedge::cli {

int cluster_info(const Context& context) {
    Admin admin(context.connect_options(), context.timeout_ms);
    const auto cluster = admin.cluster_info();
    if (!cluster.ok()) return report_failure(context, "cluster info", cluster.status(), admin.last_node());
    if (context.json) return print(json_of(*cluster)) ? kDone : kLeftUndone;
    Table table({"NODE", "ADDRESS", "STATE", "VERSION", "VOTER", "LABELS"});
    for (const auto& node : cluster->nodes) {
        std::vector<std::string> labels;
        for (const auto& [key, value] : node.labels) labels.push_back(key + "=" + value);
        table.row({node.name, node.address, node.state, node.version, node.voter ? "yes" : "no", labels.empty() ? "-" : join(labels)});
    }
    return print("mesh  " + cluster->mesh_id + "\n\n" + table.text(context.stdout_is_terminal)) ? kDone : kLeftUndone;
}

int cluster_health(const Context& context) {
    Admin admin(context.connect_options(), context.timeout_ms);
    const auto health = admin.cluster_health();
    if (!health.ok()) return report_failure(context, "cluster health", health.status(), admin.last_node());
    const int code = health->healthy ? kDone : kRefused;
    if (context.json) return print(json_of(*health)) ? code : static_cast<int>(kLeftUndone);
    std::string text = health->healthy ? "healthy\n" : "not healthy\n";
    if (!health->problems.empty()) {
        Table table({"PROBLEM", "SUBJECT", "WHAT TO DO"});
        for (const auto& problem : health->problems) table.row({problem.kind, problem.subject, problem.message});
        text += "\n" + table.text(context.stdout_is_terminal);
    }
    return print(text) ? code : static_cast<int>(kLeftUndone);
}

}  // namespace sedge::cli
