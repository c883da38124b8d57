// Topics: made, changed, deleted and described; retention; and what the node says of itself.
#include <algorithm>
#include <cstring>

#include "node/core/broker_state.h"

namespace sedge::node {
namespace {

constexpr EntryType kCreated = EntryType::topic_created, kAltered = EntryType::topic_altered, kDeleted = EntryType::topic_deleted;

SharedBytes encoded(const TopicDescription& topic) {
    Buffer bytes;
    encode_topic(topic, bytes);
    return SharedBytes::take(std::move(bytes));
}

Status check_shape(const CreateTopicRequest& create, std::size_t topics, std::size_t partitions) {
    if (Status status = check_topic_name(create.topic); !status.ok()) return status;
    if (create.partitions < 1 || create.partitions > limits::kMaxPartitionsPerTopic)
        return {ErrorCode::invalid_config, "partitions=" + std::to_string(create.partitions) + ": wanted 1 to " +
                                               std::to_string(limits::kMaxPartitionsPerTopic)};
    if (create.replicas != 1)
        return {ErrorCode::invalid_config, "replicas=" + std::to_string(create.replicas) + ": this mesh has 1 node, so 1 is the most"};
    if (topics >= limits::kMaxTopics) return {ErrorCode::invalid_config, "a mesh has at most 10000 topics; delete one first"};
    if (partitions + create.partitions > limits::kMaxPartitionsPerNode)
        return {ErrorCode::invalid_config, "a node has at most 100000 partitions; " + std::to_string(partitions) + " are there"};
    return {};
}

template <class Pairs>
Status apply_config(const Pairs& pairs, TopicConfig& config) {
    for (const auto& [key, value] : pairs)
        if (Status status = set_config(config, key, value); !status.ok()) return status;
    if (config.min_insync > 1)
        return {ErrorCode::invalid_config, "min_insync=" + std::to_string(config.min_insync) + ": the topic has 1 replica, so 1 is the most"};
    return {};
}

Status no_topic(std::string_view name) {
    return {ErrorCode::unknown_topic, "there is no topic '" + std::string(name.substr(0, limits::kMaxTopicNameBytes)) + "'"};
}

}  // namespace

TopicId Broker::State::new_topic_id() {
    TopicId id;
    do {
        const std::uint64_t halves[2] = {random.next(), random.next()};
        std::memcpy(id.bytes.data(), halves, sizeof halves);
    } while (catalogue.find(id) != nullptr);
    return id;
}

void Broker::State::on_create_topic(Now now, const ConnectionId& from, const Request& request) {
    const auto& create = std::get<CreateTopicRequest>(request.body);
    if (catalogue.find(create.topic) != nullptr)
        return refuse(from, request.correlation_id, {ErrorCode::topic_exists, "there is a topic '" + std::string(create.topic) + "' already"});
    TopicDescription description;
    Status status = check_shape(create, catalogue.size(), catalogue.partitions());
    if (status.ok()) status = apply_config(create.config, description.config);
    if (status.ok()) status = make_room(now, create.topic.size() + 512, false);
    if (!status.ok()) return refuse(from, request.correlation_id, std::move(status));
    description.id = new_topic_id();
    description.name = create.topic;
    description.partitions = create.partitions;
    description.replicas = create.replicas;
    add_entry({kCreated, {description.id, {}}, {}, encoded(description)});
    turn_syncs = true;
    const Topic& topic = catalogue.add(std::move(description));
    answer_when_durable(from, request.correlation_id, TopicResponse{describe(topic, true)});
}

void Broker::State::on_alter_topic(Now now, const ConnectionId& from, const Request& request) {
    const auto& alter = std::get<AlterTopicRequest>(request.body);
    Topic* topic = catalogue.find(alter.topic);
    if (topic == nullptr) return refuse(from, request.correlation_id, no_topic(alter.topic));
    TopicDescription changed = topic->description;
    Status status = apply_config(alter.config, changed.config);
    if (status.ok()) status = make_room(now, changed.name.size() + 512, true);
    if (!status.ok()) return refuse(from, request.correlation_id, std::move(status));
    // Records of this turn were accepted under the old configuration: they stand before the change.
    for (const auto& [open_topic, partition] : std::exchange(open_batches, {})) close_batch(now, *open_topic, *partition);
    add_entry({kAltered, {changed.id, {}}, {}, encoded(changed)});
    turn_syncs = true;
    topic->description = std::move(changed);
    answer_when_durable(from, request.correlation_id, TopicResponse{describe(*topic, true)});
}

void Broker::State::on_delete_topic(Now now, const ConnectionId& from, const Request& request) {
    const auto& remove = std::get<DeleteTopicRequest>(request.body);
    Topic* topic = catalogue.find(remove.topic);
    if (topic == nullptr) return refuse(from, request.correlation_id, no_topic(remove.topic));
    if (Status status = make_room(now, 0, true); !status.ok()) return refuse(from, request.correlation_id, std::move(status));
    for (const auto& [open_topic, partition] : std::exchange(open_batches, {})) close_batch(now, *open_topic, *partition);
    const TopicId id = topic->description.id;
    add_entry({kDeleted, {id, {}}, {}, {}});
    turn_syncs = true;
    std::vector<PendingFetch> orphans;
    for (const auto& partition : topic->partitions) {
        turn.releases.push_back({partition->id, Offset{UINT64_MAX}});
        for (PendingFetch& fetch : waiters.take(*partition)) orphans.push_back(std::move(fetch));
    }
    catalogue.remove(id);
    for (const PendingFetch& fetch : orphans)
        refuse(fetch.from, fetch.correlation_id, {ErrorCode::unknown_topic, "the topic was deleted"});
    answer_when_durable(from, request.correlation_id, DeleteTopicResponse{});
}

void Broker::State::apply_retention(Now now) {
    // A clock that is not synchronised, or has just jumped, would expire everything or nothing.
    const bool by_time = now.wall_is_trusted;
    for (const auto& [name, topic] : catalogue.topics()) {
        const TopicConfig& config = topic->description.config;
        std::optional<std::uint64_t> oldest_ms;
        if (by_time && config.retention_ms && now.wall_ms > *config.retention_ms) oldest_ms = now.wall_ms - *config.retention_ms;
        for (const auto& partition : topic->partitions) {
            const Offset keep = partition->marks.keep_from(partition->start, partition->high_watermark, oldest_ms, config.retention_bytes);
            if (keep <= partition->start || !make_room(now, 0, true).ok()) continue;
            partition->move_start(keep);
            add_entry({EntryType::log_start, partition->id, keep, {}});
            turn_syncs = true;
            turn.releases.push_back({partition->id, keep});
        }
    }
}

// --- Answers about the node ---

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
            each.bytes = partition->marks.bytes();
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

void Broker::State::on_cluster_info(const ConnectionId& from, const Request& request) {
    answer(from, request.correlation_id, ClusterInfoResponse{options.mesh_id, {this_node()}});
}

std::vector<HealthProblem> Broker::State::problems() const {
    std::vector<HealthProblem> all = storage_problems;
    if (room.disk_full)
        all.push_back({"disk_full", options.node_name, "no room for the next log segment: free space, lower retention or delete topics; reads go on"});
    return all;
}

}  // namespace sedge::node
