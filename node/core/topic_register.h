// The register of a topic's name: what is agreed about the topic of that name. A deleted topic is a value that says so, so that no old
// rumour brings it back (DESIGN 6).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "node/core/catalogue.h"
#include "node/core/registers.h"

namespace sedge::node {

struct TopicRegister {
    bool deleted = false;
    TopicDescription topic;
    bool operator==(const TopicRegister&) const = default;
};

RegisterKey topic_key(std::string_view name);
RegisterKey partition_key(const PartitionId& partition);
// What a key is about; nullopt if it is neither.
bool is_topic_key(std::string_view key);
std::optional<PartitionId> partition_of_register(std::string_view key);

RegisterValue encode_topic_register(const TopicRegister& value);
std::optional<TopicRegister> decode_topic_register(ByteView bytes);

}  // namespace sedge::node
