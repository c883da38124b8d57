// Topics: made, changed and deleted; and retention.
#include <algorithm>
#include <cstring>

#include "node/core/broker_state.h"
#include "node/core/placement.h"

namespace sedge::node {
namespace {

constexpr std::size_t kMaxDescriptionBytes = limits::kMaxTopicNameBytes + 512 + limits::kMaxNodes * (limits::kMaxNodeNameBytes + 2);

// Starts of logs moved in one retention check, so that a check stays short.
constexpr std::size_t kMaxStartMoves = 4096;

// What an idle partition takes of a checkpoint, which must stay small beside its segment.
constexpr std::uint64_t kPartitionCheckpointBytes = 640;

std::size_t max_partitions(const BrokerOptions& options) {
    return std::min<std::size_t>(limits::kMaxPartitionsPerNode,
                                 static_cast<std::size_t>(options.segment_bytes / 4 / kPartitionCheckpointBytes));
}

Status topic_exists(std::string_view name) {
    return {ErrorCode::topic_exists, "there is a topic '" + std::string(name) + "' already"};
}

Status check_shape(const CreateTopicRequest& create, std::size_t topics, std::size_t partitions, std::size_t most, std::size_t nodes) {
    if (Status status = check_topic_name(create.topic); !status.ok()) return status;
    if (create.partitions < 1 || create.partitions > limits::kMaxPartitionsPerTopic)
        return {ErrorCode::invalid_config, "partitions=" + std::to_string(create.partitions) + ": wanted 1 to " +
                                               std::to_string(limits::kMaxPartitionsPerTopic)};
    const std::size_t replicas_most = std::min<std::size_t>(nodes, limits::kMaxReplicas);
    if (create.replicas < 1 || create.replicas > replicas_most)
        return {ErrorCode::invalid_config, "replicas=" + std::to_string(create.replicas) + ": this mesh has " + std::to_string(nodes) +
                                               (nodes == 1 ? " node" : " nodes") + " alive that hold data, so " +
                                               std::to_string(replicas_most) + " is the most"};
    if (topics >= limits::kMaxTopics) return {ErrorCode::invalid_config, "a mesh has at most 10000 topics; delete one first"};
    if (partitions + create.partitions > most)
        return {ErrorCode::invalid_config, "this node takes at most " + std::to_string(most) + " partitions; " +
                                               std::to_string(partitions) + " are there"};
    return {};
}

template <class Pairs>
Status apply_config(const Pairs& pairs, std::uint32_t replicas, TopicConfig& config) {
    for (const auto& [key, value] : pairs)
        if (Status status = set_config(config, key, value); !status.ok()) return status;
    if (config.min_insync > replicas)
        return {ErrorCode::invalid_config, "min_insync=" + std::to_string(config.min_insync) + ": the topic has " + std::to_string(replicas) +
                                               (replicas == 1 ? " replica" : " replicas") + ", so " + std::to_string(replicas) +
                                               " is the most"};
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

// --- Topics: agreed in the register of the name, then applied by every node (broker_topics.cc) ---

void Broker::State::change_topic(Now now, const ConnectionId& from, const Request& request, std::string_view name,
                                 std::function<std::optional<TopicRegister>(const std::optional<TopicRegister>&)> change,
                                 std::function<void(Now, const std::optional<TopicRegister>&)> done) {
    if (!accounts.begin_wait(from))
        return refuse(from, request.correlation_id, {ErrorCode::busy, "too many requests wait; wait for their answers first"});
    mesh.registers->change(
        now.monotonic_ms, topic_key(name),
        [change = std::move(change)](const RegisterValue& current) -> std::optional<RegisterValue> {
            const auto next = change(current.empty() ? std::nullopt : decode_topic_register(current));
            return next ? std::optional(encode_topic_register(*next)) : std::nullopt;
        },
        [this, from, done = std::move(done)](const Registers::Outcome& outcome) {
            mesh.finished.emplace_back([this, from, done, value = outcome.chosen.value](Now later) {
                accounts.end_wait(from);
                done(later, value.empty() ? std::nullopt : decode_topic_register(value));
            });
        });
}

void Broker::State::on_create_topic(Now now, const ConnectionId& from, const Request& request) {
    const auto& create = std::get<CreateTopicRequest>(request.body);
    if (catalogue.find(create.topic) != nullptr) return refuse(from, request.correlation_id, topic_exists(create.topic));
    TopicRegister wanted;
    TopicDescription& description = wanted.topic;
    description = {{}, std::string(create.topic), create.partitions, create.replicas, {}, choose_ring(mesh.membership->members(), catalogue.size())};
    description.config.retention_ms = options.default_retention_ms;
    Status status = check_shape(create, catalogue.size(), catalogue.partitions(), max_partitions(options), description.nodes.size());
    if (status.ok()) status = apply_config(create.config, create.replicas, description.config);
    if (status.ok()) status = make_room(now, SegmentBudget::entry_bytes(kMaxDescriptionBytes), false);
    if (!status.ok()) return refuse(from, request.correlation_id, std::move(status));
    description.id = new_topic_id();
    change_topic(
        now, from, request, create.topic,
        [wanted](const std::optional<TopicRegister>& current) {
            return !current || current->deleted ? std::optional(wanted) : std::nullopt;
        },
        [this, from, id = request.correlation_id, wanted](Now later, const std::optional<TopicRegister>& chosen) {
            if (!chosen || chosen->deleted || chosen->topic.id != wanted.topic.id)
                return refuse(from, id, topic_exists(wanted.topic.name));
            const Topic* topic = catalogue.find(wanted.topic.id);
            if (topic == nullptr)
                return refuse(from, id, {ErrorCode::disk_full, "the topic was made, but the disk of " + node_name() + " is full"});
            mesh.made.push_back({from, id, topic->description.id, later.monotonic_ms + mesh_limits::kLeadersPatienceMs});
            answer_made(later);
        });
}

// A topic is of use once its partitions have leaders: its maker hears of it then.
void Broker::State::answer_made(Now now) {
    std::erase_if(mesh.made, [&](const MadeTopic& made) {
        const Topic* topic = catalogue.find(made.topic);
        if (topic == nullptr) {
            refuse(made.from, made.correlation_id, {ErrorCode::unknown_topic, "the topic was deleted"});
            return true;
        }
        const bool all_led = std::all_of(topic->partitions.begin(), topic->partitions.end(),
                                         [&](const auto& each) { return leader_of(*topic, each->id.partition).has_value(); });
        if (!all_led && now.monotonic_ms < made.deadline_ms) return false;
        answer_when_durable(made.from, made.correlation_id, TopicResponse{describe(*topic, true)});
        return true;
    });
}

void Broker::State::on_alter_topic(Now now, const ConnectionId& from, const Request& request) {
    const auto& alter = std::get<AlterTopicRequest>(request.body);
    Topic* topic = catalogue.find(alter.topic);
    if (topic == nullptr) return refuse(from, request.correlation_id, no_topic(alter.topic));
    std::vector<std::pair<std::string, std::string>> pairs;
    for (const auto& [key, value] : alter.config) pairs.emplace_back(key, value);
    TopicConfig tried = topic->description.config;
    Status status = apply_config(pairs, topic->description.replicas, tried);
    if (status.ok()) status = make_room(now, SegmentBudget::entry_bytes(kMaxDescriptionBytes), true);
    if (!status.ok()) return refuse(from, request.correlation_id, std::move(status));
    change_topic(
        now, from, request, alter.topic,
        [pairs](const std::optional<TopicRegister>& current) -> std::optional<TopicRegister> {
            if (!current || current->deleted) return std::nullopt;
            TopicRegister changed = *current;
            if (!apply_config(pairs, changed.topic.replicas, changed.topic.config).ok() || changed == *current) return std::nullopt;
            return changed;
        },
        [this, from, id = request.correlation_id, name = std::string(alter.topic)](Now, const std::optional<TopicRegister>&) {
            const Topic* changed = catalogue.find(name);
            if (changed == nullptr) return refuse(from, id, no_topic(name));
            answer_when_durable(from, id, TopicResponse{describe(*changed, true)});
        });
}

void Broker::State::on_delete_topic(Now now, const ConnectionId& from, const Request& request) {
    const auto& remove = std::get<DeleteTopicRequest>(request.body);
    Topic* topic = catalogue.find(remove.topic);
    if (topic == nullptr) return refuse(from, request.correlation_id, no_topic(remove.topic));
    if (Status status = make_room(now, SegmentBudget::entry_bytes(0), true); !status.ok())
        return refuse(from, request.correlation_id, std::move(status));
    change_topic(
        now, from, request, remove.topic,
        [id = topic->description.id](const std::optional<TopicRegister>& current) -> std::optional<TopicRegister> {
            if (!current || current->deleted || current->topic.id != id) return std::nullopt;
            TopicRegister changed = *current;
            changed.deleted = true;
            return changed;
        },
        [this, from, id = request.correlation_id, topic_id = topic->description.id](Now, const std::optional<TopicRegister>&) {
            if (catalogue.find(topic_id) != nullptr)
                return refuse(from, id, {ErrorCode::disk_full, "the topic is deleted, but the disk of " + node_name() + " has no room to say so yet"});
            answer_when_durable(from, id, DeleteTopicResponse{});
        });
}

// Its records are released once the entry that says so is durable.
void Broker::State::forget_topic(Topic& topic) {
    std::vector<PendingFetch> orphans;
    for (const auto& partition : topic.partitions) {
        turn.releases.push_back({partition->id, Offset{UINT64_MAX}});
        for (PendingFetch& fetch : waiters.take(*partition)) orphans.push_back(std::move(fetch));
        if (partition->role != nullptr) {
            if (partition->role->leader) refuse_held(*partition);
            --mesh.replicated_partitions;
        }
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
            // Of a log with replicas its leader decides, and the others follow.
            if (partition->role != nullptr && !partition->role->leads()) continue;
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
