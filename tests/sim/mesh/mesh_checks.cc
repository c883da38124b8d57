// What must hold of a simulated mesh: at every step, and once it has been left in peace.
#include <algorithm>

#include "tests/sim/mesh/mesh_world.h"
#include "tests/sim/violation.h"

namespace sedge::sim {
namespace {

bool same_bytes(const MeshLog& a, const MeshLog& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
        return x.first == y.first && std::ranges::equal(x.second.view(), y.second.view());
    });
}

}  // namespace

void MeshWorld::check_leaders(MeshNode& node) {
    if (!node.running()) return;
    for (const auto& view : node.broker().partitions()) {
        require(view.start <= view.high_watermark && view.high_watermark <= view.end, "a high watermark lies outside its log");
        if (options_.verbose) note_change(node, view);
        if (view.is_kept) committed_.check(node, view);
        if (!view.leads) continue;
        const std::pair self{node.id(), node.starts()};
        const auto [at, is_new] = leaders_.emplace(std::pair{view.id, view.epoch.value}, self);
        if (is_new || at->second == self) continue;
        violated("two leaders in epoch " + std::to_string(view.epoch.value) + " of " + view.topic + "/" + std::to_string(view.id.partition.value) +
                 ": nodes " + std::to_string(at->second.first) + " and " + std::to_string(self.first));
    }
}

// Who leads and follows, as it changes.
void MeshWorld::note_change(const MeshNode& node, const node::Broker::PartitionView& view) {
    if (!view.is_kept) return;
    std::string text = std::string(view.leads ? "leads" : "follows") + " epoch " + std::to_string(view.epoch.value) + " log " + std::to_string(view.log % 1000) + " isr";
    for (const auto& [id, log] : view.isr) text += " " + std::to_string(id) + ":" + std::to_string(log % 1000);
    const std::string key = node.name() + " " + view.topic + "/" + std::to_string(view.id.partition.value);
    std::string& before = shown_[key];
    if (before == text) return;
    before = text;
    note(key + " " + text + "; hw " + std::to_string(view.high_watermark.value) + " end " + std::to_string(view.end.value));
}

bool MeshWorld::is_healthy(std::string& why) {
    for (const auto& client : clients_)
        if (!client->is_idle()) return why = client->name() + " waits", false;
    std::map<std::pair<std::string, std::uint32_t>, std::size_t> led, ends;
    for (const auto& node : nodes_) {
        if (!node->running()) return why = node->name() + " does not run", false;
        for (const auto& view : node->broker().partitions()) {
            const std::pair key{view.topic, view.id.partition.value};
            if (view.leads) ++led[key];
            if (view.leads && view.isr.size() != replicas_ && replicas_ > 1) return why = view.topic + " has replicas out of sync", false;
            if (!view.is_kept) continue;
            const auto [at, is_new] = ends.emplace(key, view.end.value);
            if (at->second != view.end.value) return why = view.topic + " has replicas with other ends", false;
            if (view.high_watermark != view.end) return why = view.topic + " has uncommitted records", false;
        }
    }
    if (replicas_ == 1) return true;
    for (const std::string& topic : topics_)
        for (std::uint32_t partition = 0; partition < partitions_; ++partition)
            if (led[{topic, partition}] != 1) return why = topic + "/" + std::to_string(partition) + " has " + std::to_string(led[{topic, partition}]) + " leaders", false;
    return true;
}

void MeshWorld::check_end() {
    for (const std::string& topic : topics_) {
        for (std::uint32_t partition = 0; partition < partitions_; ++partition) {
            std::vector<MeshLog> logs;
            for (const auto& node : nodes_)
                for (const auto& view : node->broker().partitions())
                    if (view.topic == topic && view.id.partition.value == partition && view.is_kept) logs.push_back(node->log(view.id));
            require(logs.size() == replicas_, "a partition is not kept by as many nodes as it has replicas");
            history_.check_log(topic, partition, logs.front(), leading_epoch(topic, partition));
            for (const MeshLog& log : logs) require(same_bytes(log, logs.front()), "replicas differ");
        }
    }
}

std::string MeshWorld::view_of_all() {
    std::string out;
    for (const auto& node : nodes_) {
        out += "\n    " + node->name() + (node->running() ? "" : " (down)");
        if (!node->running()) continue;
        for (const auto& view : node->broker().partitions()) {
            out += " | " + view.topic + "/" + std::to_string(view.id.partition.value) + (view.leads ? " LEADS" : "") + " epoch " +
                   std::to_string(view.epoch.value) + " hw " + std::to_string(view.high_watermark.value) + " end " + std::to_string(view.end.value) + " isr";
            for (const auto& [id, log] : view.isr) out += " " + std::to_string(id);
        }
        for (const auto& metric : node->broker().metrics())
            if (metric.name.starts_with("sedge_register") || metric.name.starts_with("sedge_voter")) out += " " + metric.name + "=" + std::to_string(static_cast<std::uint64_t>(metric.value));
    }
    return out;
}

void MeshWorld::collect_marks(MeshNode& node) {
    const std::map<std::string, std::string> wanted{{"sedge_elections_total", "elections"}, {"sedge_handovers_total", "leaders restored"}, {"sedge_isr_shrinks_total", "isr shrinks"},
                                                    {"sedge_isr_grows_total", "isr grows"}, {"sedge_truncations_total", "truncations"},
                                                    {"sedge_logs_made_total", "logs made anew"}, {"sedge_replica_gaps_total", "gaps repaired"},
                                                    {"sedge_forwarded_total", "forwarded"}, {"sedge_replica_reads_total", "reads for followers"},
                                                    {"sedge_segment_rolls_total", "segments begun"}};
    for (const auto& metric : node.broker().metrics()) {
        const auto found = wanted.find(metric.name);
        if (found != wanted.end()) mark(found->second, static_cast<std::uint64_t>(metric.value));
        if (metric.name == "sedge_voter_set" && metric.value >= 3) mark("voters changed");
    }
}

}  // namespace sedge::sim
