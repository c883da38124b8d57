#include "node/core/topic_register.h"

#include <charconv>

#include "schema/limits.h"
#include "schema/msgpack.h"

namespace sedge::node {
namespace {

constexpr std::string_view kTopicPrefix = "topic/", kPartitionPrefix = "partition/";
constexpr std::size_t kIdDigits = 32;

}  // namespace

RegisterKey topic_key(std::string_view name) { return std::string(kTopicPrefix) + std::string(name); }

RegisterKey partition_key(const PartitionId& partition) {
    return std::string(kPartitionPrefix) + to_string(partition.topic) + "/" + std::to_string(partition.partition.value);
}

bool is_topic_key(std::string_view key) { return key.starts_with(kTopicPrefix); }

std::optional<PartitionId> partition_of_register(std::string_view key) {
    if (!key.starts_with(kPartitionPrefix) || key.size() < kPartitionPrefix.size() + kIdDigits + 2) return std::nullopt;
    key.remove_prefix(kPartitionPrefix.size());
    PartitionId id;
    for (std::size_t i = 0; i < id.topic.bytes.size(); ++i) {
        const auto parsed = std::from_chars(key.data() + 2 * i, key.data() + 2 * i + 2, id.topic.bytes[i], 16);
        if (parsed.ec != std::errc() || parsed.ptr != key.data() + 2 * i + 2) return std::nullopt;
    }
    key.remove_prefix(kIdDigits);
    if (key.front() != '/') return std::nullopt;
    const auto parsed = std::from_chars(key.data() + 1, key.data() + key.size(), id.partition.value);
    return parsed.ec == std::errc() && parsed.ptr == key.data() + key.size() ? std::optional(id) : std::nullopt;
}

RegisterValue encode_topic_register(const TopicRegister& value) {
    Buffer description, out;
    encode_topic(value.topic, description);
    MsgpackWriter writer(out);
    writer.array(2);
    writer.boolean(value.deleted);
    writer.bin(description);
    return out;
}

std::optional<TopicRegister> decode_topic_register(ByteView bytes) {
    MsgpackReader reader(bytes);
    if (reader.array() != 2u) return std::nullopt;
    const auto deleted = reader.boolean();
    const auto description = deleted ? reader.bin() : std::nullopt;
    auto topic = description ? decode_topic(*description) : std::nullopt;
    if (!topic || !reader.at_end()) return std::nullopt;
    return TopicRegister{*deleted, std::move(*topic)};
}

}  // namespace sedge::node
