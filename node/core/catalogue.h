// The topics of this node, by name and by id.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "node/core/partition.h"
#include "node/core/topic_config.h"
#include "schema/bytes.h"
#include "schema/ids.h"

namespace sedge::node {

// What is agreed about a topic; stored in topic_created and topic_altered entries and in checkpoints.
struct TopicDescription {
    TopicId id;
    std::string name;
    std::uint32_t partitions = 0;
    std::uint32_t replicas = 1;
    TopicConfig config;
    std::vector<std::string> nodes{};  // who keeps its records, see placement.h
    bool operator==(const TopicDescription&) const = default;
};

void encode_topic(const TopicDescription& topic, Buffer& out);
// nullopt if the bytes are no topic description within the limits.
std::optional<TopicDescription> decode_topic(ByteView bytes);

struct Topic {
    TopicDescription description;
    std::vector<std::unique_ptr<Partition>> partitions;
    bool is_local = true;  // this node alone keeps all of it

    RetentionPolicy retention() const { return {description.config.retention_ms, description.config.retention_bytes}; }
    Partition* partition(PartitionIndex index) {
        return index.value < partitions.size() ? partitions[index.value].get() : nullptr;
    }
};

class Catalogue {
  public:
    Topic* find(std::string_view name);
    Topic* find(TopicId id);
    const Topic* find(TopicId id) const;
    Partition* find(const PartitionId& id);
    // Requires that neither the name nor the id is there yet.
    Topic& add(TopicDescription description);
    void remove(TopicId id);
    void clear();

    std::size_t size() const { return by_name_.size(); }
    std::size_t partitions() const { return partitions_; }
    // In the order of names: the same on every run.
    const std::map<std::string, std::unique_ptr<Topic>, std::less<>>& topics() const { return by_name_; }

  private:
    std::map<std::string, std::unique_ptr<Topic>, std::less<>> by_name_;
    std::unordered_map<TopicId, Topic*, TopicIdHash> by_id_;  // looked up, never iterated
    Topic* last_found_ = nullptr;  // clients ask for one topic many times in a row
    std::size_t partitions_ = 0;
};

}  // namespace sedge::node
