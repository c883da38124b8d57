#include "node/core/catalogue.h"

#include <cstring>

#include "schema/limits.h"
#include "schema/msgpack.h"
#include "schema/request.h"

namespace sedge::node {

void encode_topic(const TopicDescription& topic, Buffer& out) {
    MsgpackWriter writer(out);
    writer.array(6);
    writer.bin(std::as_bytes(std::span(topic.id.bytes)));
    writer.str(topic.name);
    writer.uint(topic.partitions);
    writer.uint(topic.replicas);
    const auto pairs = config_pairs(topic.config);
    writer.map(static_cast<std::uint32_t>(pairs.size()));
    for (const auto& [key, value] : pairs) {
        writer.str(key);
        writer.str(value);
    }
    writer.array(static_cast<std::uint32_t>(topic.nodes.size()));
    for (const std::string& node : topic.nodes) writer.str(node);
}

namespace {

bool read_nodes(MsgpackReader& reader, std::vector<std::string>& nodes) {
    const auto size = reader.array();
    if (!size || *size > limits::kMaxNodes) return false;
    for (std::uint32_t i = 0; i < *size; ++i) {
        const auto name = reader.str();
        if (!name || name->empty() || name->size() > limits::kMaxNodeNameBytes) return false;
        nodes.emplace_back(*name);
    }
    return true;
}

}  // namespace

std::optional<TopicDescription> decode_topic(ByteView bytes) {
    MsgpackReader reader(bytes);
    const auto fields = reader.array();
    if (fields != 5u && fields != 6u) return std::nullopt;
    TopicDescription topic;
    const auto id = reader.bin();
    if (!id || id->size() != topic.id.bytes.size()) return std::nullopt;
    std::memcpy(topic.id.bytes.data(), id->data(), id->size());
    const auto name = reader.str();
    const auto partitions = reader.uint();
    const auto replicas = reader.uint();
    if (!name || !check_topic_name(*name).ok() || !partitions || !replicas) return std::nullopt;
    if (*partitions == 0 || *partitions > limits::kMaxPartitionsPerTopic || *replicas > limits::kMaxReplicas) return std::nullopt;
    topic.name = *name;
    topic.partitions = static_cast<std::uint32_t>(*partitions);
    topic.replicas = static_cast<std::uint32_t>(*replicas);
    const auto size = reader.map();
    if (!size) return std::nullopt;
    for (std::uint32_t i = 0; i < *size; ++i) {
        const auto key = reader.str();
        const auto value = key ? reader.str() : std::nullopt;
        if (!value || !set_config(topic.config, *key, *value).ok()) return std::nullopt;
    }
    if (fields == 6u && !read_nodes(reader, topic.nodes)) return std::nullopt;
    return reader.at_end() ? std::optional(std::move(topic)) : std::nullopt;
}

Topic* Catalogue::find(std::string_view name) {
    if (last_found_ != nullptr && last_found_->description.name == name) return last_found_;
    const auto found = by_name_.find(name);
    if (found == by_name_.end()) return nullptr;
    last_found_ = found->second.get();
    return last_found_;
}

Topic* Catalogue::find(TopicId id) {
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : found->second;
}

const Topic* Catalogue::find(TopicId id) const {
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : found->second;
}

Partition* Catalogue::find(const PartitionId& id) {
    Topic* topic = find(id.topic);
    return topic == nullptr ? nullptr : topic->partition(id.partition);
}

Topic& Catalogue::add(TopicDescription description) {
    auto topic = std::make_unique<Topic>();
    topic->description = std::move(description);
    for (std::uint32_t i = 0; i < topic->description.partitions; ++i)
        topic->partitions.push_back(std::make_unique<Partition>(PartitionId{topic->description.id, PartitionIndex{i}}));
    partitions_ += topic->partitions.size();
    Topic& stored = *topic;
    by_id_[stored.description.id] = &stored;
    by_name_[stored.description.name] = std::move(topic);
    return stored;
}

void Catalogue::clear() {
    by_id_.clear();
    by_name_.clear();
    last_found_ = nullptr;
    partitions_ = 0;
}

void Catalogue::remove(TopicId id) {
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) return;
    last_found_ = nullptr;
    partitions_ -= found->second->partitions.size();
    const std::string name = found->second->description.name;
    by_id_.erase(found);
    by_name_.erase(name);
}

}  // namespace sedge::node
