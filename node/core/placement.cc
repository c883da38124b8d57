#include "node/core/placement.h"

#include <algorithm>
#include <map>

namespace sedge::node {
namespace {

std::string_view label_of(const Member& member, std::string_view key) {
    for (const auto& [name, value] : member.facts.labels)
        if (name == key) return value;
    return {};
}

bool is_witness(const Member& member) {
    const std::string_view value = label_of(member, "witness");
    return !value.empty() && value != "false";
}

}  // namespace

std::vector<std::string> replicas_of(const TopicDescription& topic, PartitionIndex partition) {
    std::vector<std::string> out;
    const std::size_t nodes = topic.nodes.size();
    for (std::size_t i = 0; i < std::min<std::size_t>(topic.replicas, nodes); ++i)
        out.push_back(topic.nodes[(partition.value + i) % nodes]);
    return out;
}

bool keeps(const TopicDescription& topic, PartitionIndex partition, std::string_view node) {
    const std::size_t nodes = topic.nodes.size();
    if (nodes == 0) return true;
    for (std::size_t i = 0; i < std::min<std::size_t>(topic.replicas, nodes); ++i)
        if (topic.nodes[(partition.value + i) % nodes] == node) return true;
    return false;
}

std::vector<std::string> choose_ring(const std::vector<Member>& members, std::size_t turn) {
    std::map<std::string_view, std::vector<std::string>> racks;
    for (const Member& member : members)
        if (member.state == MemberState::alive && !is_witness(member)) racks[label_of(member, "rack")].push_back(member.facts.name);
    std::vector<std::string> ring;
    for (std::size_t i = 0, added = 1; added > 0; ++i) {
        added = 0;
        for (const auto& [rack, names] : racks)
            if (i < names.size()) {
                ring.push_back(names[i]);
                ++added;
            }
    }
    if (!ring.empty()) std::rotate(ring.begin(), ring.begin() + static_cast<std::ptrdiff_t>(turn % ring.size()), ring.end());
    return ring;
}

}  // namespace sedge::node
