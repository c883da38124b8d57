// What is agreed about topics and partitions, applied to what this node keeps. Everything here may come twice and late.
#include <algorithm>

#include "node/core/broker_state.h"
#include "node/core/log_entries.h"
#include "node/core/placement.h"

namespace sedge::node {
namespace {

SharedBytes encoded(const TopicDescription& topic) {
    Buffer bytes;
    encode_topic(topic, bytes);
    return SharedBytes::take(std::move(bytes));
}

}  // namespace

void Broker::State::apply_news(Now now) {
    for (; !mesh.news.empty(); mesh.news.pop_front()) {
        const auto& [key, chosen] = mesh.news.front();
        if (chosen.value.empty()) continue;
        if (is_topic_key(key)) {
            const auto value = decode_topic_register(chosen.value);
            if (value && !apply_topic(now, *value)) return;  // no room: again in a later turn
        } else if (const auto partition = partition_of_register(key)) {
            apply_partition(now, *partition, chosen.value);
        }
    }
}

bool Broker::State::apply_topic(Now now, const TopicRegister& value) {
    Topic* known = catalogue.find(value.topic.name);
    const bool is_other = known != nullptr && known->description.id != value.topic.id;
    if (known != nullptr && (value.deleted || is_other)) {
        if (!make_room(now, SegmentBudget::entry_bytes(0), true).ok()) return false;
        close_batches(now);
        add_entry({EntryType::topic_deleted, {known->description.id, {}}, {}, {}});
        turn_syncs = true;
        forget_topic(*known);
        known = nullptr;
    }
    if (value.deleted) return true;
    if (known == nullptr) return add_topic(now, value.topic);
    if (known->description == value.topic) return true;
    SharedBytes payload = encoded(value.topic);
    if (!make_room(now, SegmentBudget::entry_bytes(payload.size()), true).ok()) return false;
    // Records of this turn were accepted under the old configuration: they stand before the change.
    close_batches(now);
    add_entry({EntryType::topic_altered, {value.topic.id, {}}, {}, std::move(payload)});
    turn_syncs = true;
    known->description = value.topic;
    for (const auto& partition : known->partitions)
        if (partition->role != nullptr && partition->role->leader)
            partition->role->leader->replicas.set_min_insync(value.topic.config.min_insync);
    return true;
}

bool Broker::State::add_topic(Now now, const TopicDescription& description) {
    SharedBytes payload = encoded(description);
    const std::uint64_t logs = description.replicas > 1 ? description.partitions * SegmentBudget::entry_bytes(8) : 0;
    if (!make_room(now, SegmentBudget::entry_bytes(payload.size()) + logs, true).ok()) return false;
    add_entry({EntryType::topic_created, {description.id, {}}, {}, std::move(payload)});
    turn_syncs = true;
    make_roles(catalogue.add(description));
    if (mesh.replicated_partitions > 0) mesh.next_roles_ms = now.monotonic_ms;
    return true;
}

bool Broker::State::keeps_here(const Topic& topic, PartitionIndex partition) const {
    return keeps(topic.description, partition, options.node_name);
}

void Broker::State::make_roles(Topic& topic) {
    if (topic.description.replicas < 2) {
        topic.is_local = std::all_of(topic.partitions.begin(), topic.partitions.end(),
                                     [&](const auto& each) { return keeps_here(topic, each->id.partition); });
        return;
    }
    topic.is_local = false;
    for (const auto& partition : topic.partitions) {
        if (!keeps_here(topic, partition->id.partition)) continue;
        partition->role = std::make_unique<ReplicaRole>();
        ++mesh.replicated_partitions;
        // Its register may have come before the topic did.
        if (const ChosenValue* known = mesh.registers->known(partition_key(partition->id)); known != nullptr && !known->value.empty()) {
            partition->role->chosen = decode_partition_register(known->value);
            partition->role->was_read = partition->role->chosen.has_value();
        }
        if (partition->log != nullptr) continue;
        // A new topic's log, or one whose entry was lost with the end of a process.
        const LogId id{random.next()};
        partition->begin_log(id, Offset{}, known_producers);
        add_entry({EntryType::log_made, partition->id, Offset{}, encode_number(id.value)});
        turn_syncs = true;
    }
    if (mesh.replicated_partitions > 0) mesh.next_roles_ms = std::min(mesh.next_roles_ms, mesh.started_ms);
}

void Broker::State::apply_partition(Now now, const PartitionId& id, ByteView value) {
    Partition* partition = catalogue.find(id);
    if (partition == nullptr || partition->role == nullptr) return;
    auto chosen = decode_partition_register(value);
    if (!chosen) return;
    ReplicaRole& role = *partition->role;
    role.chosen = std::move(*chosen);
    role.was_read = true;
    review(now, *partition);
}

}  // namespace sedge::node
