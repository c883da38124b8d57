// Topics: made, changed and deleted; and retention.
#include <algorithm>
#include <cstring>

#include "node/core/broker_state.h"

namespace sedge::node {
namespace {

constexpr std::size_t kMaxDescriptionBytes = limits::kMaxTopicNameBytes + 512;

// Starts of logs moved in one retention check, so that a check stays short.
constexpr std::size_t kMaxStartMoves = 4096;

// What an idle partition takes of a checkpoint, which must stay small beside its segment.
constexpr std::uint64_t kPartitionCheckpointBytes = 640;

std::size_t max_partitions(const BrokerOptions& options) {
    return std::min<std::size_t>(limits::kMaxPartitionsPerNode,
                                 static_cast<std::size_t>(options.segment_bytes / 4 / kPartitionCheckpointBytes));
}

SharedBytes encoded(const TopicDescription& topic) {
    Buffer bytes;
    encode_topic(topic, bytes);
    return SharedBytes::take(std::move(bytes));
}

Status check_shape(const CreateTopicRequest& create, std::size_t topics, std::size_t partitions, std::size_t most) {
    if (Status status = check_topic_name(create.topic); !status.ok()) return status;
    if (create.partitions < 1 || create.partitions > limits::kMaxPartitionsPerTopic)
        return {ErrorCode::invalid_config, "partitions=" + std::to_string(create.partitions) + ": wanted 1 to " +
                                               std::to_string(limits::kMaxPartitionsPerTopic)};
    if (create.replicas != 1)
        return {ErrorCode::invalid_config, "replicas=" + std::to_string(create.replicas) + ": this mesh has 1 node, so 1 is the most"};
    if (topics >= limits::kMaxTopics) return {ErrorCode::invalid_config, "a mesh has at most 10000 topics; delete one first"};
    if (partitions + create.partitions > most)
        return {ErrorCode::invalid_config, "this node takes at most " + std::to_string(most) + " partitions; " +
                                               std::to_string(partitions) + " are there"};
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
        return refuse(from, request.correlation_id,
                      {ErrorCode::topic_exists, "there is a topic '" + std::string(create.topic) + "' already"});
    TopicDescription description{{}, std::string(create.topic), create.partitions, create.replicas, {}};
    description.config.retention_ms = options.default_retention_ms;
    Status status = check_shape(create, catalogue.size(), catalogue.partitions(), max_partitions(options));
    if (status.ok()) status = apply_config(create.config, description.config);
    if (status.ok()) status = make_room(now, SegmentBudget::entry_bytes(kMaxDescriptionBytes), false);
    if (!status.ok()) return refuse(from, request.correlation_id, std::move(status));
    description.id = new_topic_id();
    add_entry({EntryType::topic_created, {description.id, {}}, {}, encoded(description)});
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
    if (status.ok()) status = make_room(now, SegmentBudget::entry_bytes(kMaxDescriptionBytes), true);
    if (!status.ok()) return refuse(from, request.correlation_id, std::move(status));
    // Records of this turn were accepted under the old configuration: they stand before the change.
    close_batches(now);
    add_entry({EntryType::topic_altered, {changed.id, {}}, {}, encoded(changed)});
    turn_syncs = true;
    topic->description = std::move(changed);
    answer_when_durable(from, request.correlation_id, TopicResponse{describe(*topic, true)});
}

void Broker::State::on_delete_topic(Now now, const ConnectionId& from, const Request& request) {
    const auto& remove = std::get<DeleteTopicRequest>(request.body);
    Topic* topic = catalogue.find(remove.topic);
    if (topic == nullptr) return refuse(from, request.correlation_id, no_topic(remove.topic));
    if (Status status = make_room(now, SegmentBudget::entry_bytes(0), true); !status.ok())
        return refuse(from, request.correlation_id, std::move(status));
    close_batches(now);
    add_entry({EntryType::topic_deleted, {topic->description.id, {}}, {}, {}});
    turn_syncs = true;
    forget_topic(*topic);
    answer_when_durable(from, request.correlation_id, DeleteTopicResponse{});
}

// Its records are released once the entry that says so is durable.
void Broker::State::forget_topic(Topic& topic) {
    std::vector<PendingFetch> orphans;
    for (const auto& partition : topic.partitions) {
        turn.releases.push_back({partition->id, Offset{UINT64_MAX}});
        for (PendingFetch& fetch : waiters.take(*partition)) orphans.push_back(std::move(fetch));
        known_producers -= partition->producers.size();
    }
    catalogue.remove(topic.description.id);
    for (const PendingFetch& fetch : orphans) {
        accounts.end_wait(fetch.from);
        refuse(fetch.from, fetch.correlation_id, {ErrorCode::unknown_topic, "the topic was deleted"});
    }
}

void Broker::State::apply_retention(Now now) {
    // A clock that is not synchronised, or has just jumped, would expire everything or nothing.
    const auto time_ms = now.wall_is_trusted ? std::optional(now.wall_ms) : std::nullopt;
    std::size_t moves = 0;
    for (const auto& [name, topic] : catalogue.topics()) {
        for (const auto& partition : topic->partitions) {
            const Offset keep = partition->retention.keep_from(partition->start, partition->high_watermark, partition->end,
                                                               topic->retention(), time_ms);
            if (keep <= partition->start) continue;
            // The rest comes at the next check.
            if (++moves > kMaxStartMoves || !make_room(now, SegmentBudget::entry_bytes(0), true).ok()) return;
            counters.records_expired += keep - partition->start;
            partition->move_start(keep);
            add_entry({EntryType::log_start, partition->id, keep, {}});
            turn_syncs = true;
            turn.releases.push_back({partition->id, keep});
        }
    }
}

}  // namespace sedge::node
