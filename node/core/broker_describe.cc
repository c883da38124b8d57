// Answers about topics and about the node itself.
#include <algorithm>

#include "node/core/broker_state.h"
#include "node/core/placement.h"

namespace sedge::node {

namespace {

const char* name_of_state(MemberState state) {
    switch (state) {
        case MemberState::alive: return "alive";
        case MemberState::suspect: return "suspect";
        case MemberState::dead: return "dead";
        case MemberState::left: return "left";
    }
    return "";
}

}  // namespace

std::vector<NodeInfo> Broker::State::nodes() const {
    std::vector<NodeInfo> out;
    const auto members = mesh.membership->members();
    for (const Member& each : members) {
        const NodeFacts& facts = each.facts;
        // Whom a change under way lets in does not count before it is done: until then the mesh needs a majority of the old ones.
        const std::vector<AcceptorId>& voters = mesh.registers->voters().voters;
        const bool votes = facts.acceptor != AcceptorId{} && std::binary_search(voters.begin(), voters.end(), facts.acceptor);
        // Of a node that came back with an empty disk only the living one is shown.
        const Member* newest = member(facts.name);
        if (newest != nullptr && newest->id != each.id && each.state >= MemberState::dead) continue;
        out.push_back({facts.name, facts.client_address, name_of_state(each.state), facts.version, votes, facts.labels});
    }
    return out;
}

PartitionInfo Broker::State::describe(const Topic& topic, const Partition& partition) const {
    const PartitionIndex index = partition.id.partition;
    PartitionInfo info{index, std::nullopt, options.epoch, replicas_of(topic.description, index), {}, {}, {}, {}, 0};
    if (info.replicas.empty()) info.replicas = {options.node_name};
    if (topic.description.replicas < 2) {
        const Member* host = member(std::string_view(info.replicas.front()));
        if (host != nullptr && host->state <= MemberState::suspect) info.leader = info.replicas.front();
        info.isr = info.replicas;
        return info;
    }
    const auto chosen = chosen_register(partition.id);
    info.epoch = chosen ? chosen->epoch : Epoch{};
    if (!chosen) return info;
    for (const Replica& each : chosen->isr) info.isr.push_back(name_of(each.node));
    if (!chosen->resigned && is_alive(chosen->leader)) info.leader = name_of(chosen->leader);
    return info;
}

TopicInfo Broker::State::describe(const Topic& topic, bool with_offsets) const {
    TopicInfo info{topic.description.name, topic.description.id, {}, {}};
    if (with_offsets) info.config = config_pairs(topic.description.config);
    for (const auto& partition : topic.partitions) {
        PartitionInfo each = describe(topic, *partition);
        if (with_offsets) {
            each.start = partition->start;
            each.end = partition->end;
            each.high_watermark = partition->high_watermark;
            each.bytes = partition->retention.bytes();
        }
        info.partitions.push_back(std::move(each));
    }
    return info;
}

void Broker::State::on_describe_topic(const ConnectionId& from, const Request& request) {
    const auto& ask = std::get<DescribeTopicRequest>(request.body);
    const Topic* topic = catalogue.find(ask.topic);
    if (topic == nullptr) return refuse(from, request.correlation_id, no_topic(ask.topic));
    answer(from, request.correlation_id, TopicResponse{describe(*topic, true)});
}

void Broker::State::on_metadata(const ConnectionId& from, const Request& request) {
    const auto& ask = std::get<MetadataRequest>(request.body);
    MetadataResponse response{nodes(), {}, {}};
    if (ask.topics.empty())
        for (const auto& [name, topic] : catalogue.topics()) response.topics.push_back(describe(*topic, false));
    for (const std::string_view name : ask.topics) {
        const Topic* topic = catalogue.find(name);
        if (topic != nullptr)
            response.topics.push_back(describe(*topic, false));
        else
            response.unknown.emplace_back(name);
    }
    answer(from, request.correlation_id, response);
}

void Broker::State::on_hello(const ConnectionId& from, const Request& request) {
    answer(from, request.correlation_id,
           HelloResponse{limits::kProtocolVersion, limits::kProtocolVersion, options.node_name, options.mesh_id, options.software,
                         limits::kMaxFrameBytes, limits::kMaxBatchBytes});
}

void Broker::State::on_cluster_health(const ConnectionId& from, const Request& request) {
    auto all = problems();
    answer(from, request.correlation_id, ClusterHealthResponse{all.empty(), std::move(all)});
}

void Broker::State::on_cluster_info(const ConnectionId& from, const Request& request) {
    answer(from, request.correlation_id, ClusterInfoResponse{options.mesh_id, nodes()});
}

std::vector<HealthProblem> Broker::State::problems() const {
    std::vector<HealthProblem> all = storage_problems;
    if (segment.disk_full())
        all.push_back({"disk_full", options.node_name,
                       "no room for the next log segment: free space, lower retention or delete topics; reads go on"});
    if (restore_gaps != 0)
        all.push_back({"quarantine", options.node_name,
                       std::to_string(restore_gaps) + " entries of the journal were missing at the start; see the log of the start"});
    for (const Member& each : mesh.membership == nullptr ? std::vector<Member>() : mesh.membership->members()) {
        const Member* newest = member(each.facts.name);
        if (each.state == MemberState::dead && (newest == nullptr || newest->id == each.id))
            all.push_back({"node_dead", each.facts.name, "start it again, or move its replicas; what has replicas elsewhere is served"});
    }
    add_partition_problems(all);
    return all;
}

void Broker::State::add_partition_problems(std::vector<HealthProblem>& all) const {
    constexpr std::size_t kMostNamed = 100;
    for (const auto& [name, topic] : catalogue.topics()) {
        if (topic->is_local) continue;
        for (const auto& partition : topic->partitions) {
            if (all.size() >= kMostNamed) return;
            const PartitionInfo info = describe(*topic, *partition);
            const std::string subject = name + "/" + std::to_string(info.partition.value);
            if (!info.leader)
                all.push_back({"partition_without_leader", subject,
                               "none of its in-sync replicas is alive, or too few voters are: start the nodes that keep it"});
            else if (info.isr.size() < info.replicas.size())
                all.push_back({"replicas_not_in_sync", subject, std::to_string(info.isr.size()) + " of " + std::to_string(info.replicas.size()) +
                                                                    " replicas are in sync; the others are dead or catch up"});
        }
    }
}

}  // namespace sedge::node
