// Answers about topics and about the node itself.
#include "node/core/broker_state.h"

namespace sedge::node {

NodeInfo Broker::State::this_node() const {
    return {options.node_name, options.advertised_address, "alive", options.software, true, {}};
}

TopicInfo Broker::State::describe(const Topic& topic, bool with_offsets) const {
    TopicInfo info{topic.description.name, topic.description.id, {}, {}};
    if (with_offsets) info.config = config_pairs(topic.description.config);
    const std::vector<std::string> here{options.node_name};
    for (const auto& partition : topic.partitions) {
        PartitionInfo each{partition->id.partition, options.node_name, options.epoch, here, here, {}, {}, {}, 0};
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
    MetadataResponse response{{this_node()}, {}, {}};
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
    answer(from, request.correlation_id, ClusterInfoResponse{options.mesh_id, {this_node()}});
}

std::vector<HealthProblem> Broker::State::problems() const {
    std::vector<HealthProblem> all = storage_problems;
    if (segment.disk_full())
        all.push_back({"disk_full", options.node_name,
                       "no room for the next log segment: free space, lower retention or delete topics; reads go on"});
    if (restore_gaps != 0)
        all.push_back({"quarantine", options.node_name,
                       std::to_string(restore_gaps) + " entries of the journal were missing at the start; see the log of the start"});
    return all;
}

}  // namespace sedge::node
