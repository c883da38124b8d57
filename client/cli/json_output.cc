#include "client/cli/json_output.h"

#include <nlohmann/json.hpp>

#include "client/cli/text.h"
#include "schema/utf8.h"

namespace sedge::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string base64(ByteView bytes) {
    constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const auto left = std::min<std::size_t>(3, bytes.size() - i);
        unsigned group = 0;
        for (std::size_t j = 0; j < 3; ++j) group = (group << 8) | (j < left ? std::to_integer<unsigned>(bytes[i + j]) : 0u);
        for (std::size_t j = 0; j < 4; ++j) out += j <= left ? kDigits[(group >> (18 - 6 * j)) & 63u] : '=';
    }
    return out;
}

// `name`: the text; or `name`_base64 if it is none; null if it is absent.
void put_bytes(Json& json, const std::string& name, const std::optional<ByteView>& bytes) {
    if (!bytes)
        json[name] = nullptr;
    else if (is_utf8(*bytes))
        json[name] = as_text(*bytes);
    else
        json[name + "_base64"] = base64(*bytes);
}

// Names come from nodes, which are not trusted to send UTF-8.
std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"; }
std::string document(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

Json partition_json(const PartitionInfo& partition, bool with_offsets) {
    Json json;
    json["partition"] = partition.partition.value;
    json["leader"] = partition.leader ? Json(*partition.leader) : Json(nullptr);
    json["epoch"] = partition.epoch.value;
    json["replicas"] = partition.replicas;
    json["isr"] = partition.isr;
    if (!with_offsets) return json;
    json["start"] = partition.start.value;
    json["end"] = partition.end.value;
    json["high_watermark"] = partition.high_watermark.value;
    json["bytes"] = partition.bytes;
    return json;
}

Json pairs_json(const std::vector<std::pair<std::string, std::string>>& pairs) {
    auto json = Json::object();
    for (const auto& [key, value] : pairs) json[key] = value;
    return json;
}

Json topic_json(const TopicInfo& topic, bool with_details) {
    Json json;
    json["topic"] = topic.name;
    json["id"] = to_string(topic.id);
    if (with_details) json["config"] = pairs_json(topic.config);
    json["partitions"] = Json::array();
    for (const auto& partition : topic.partitions) json["partitions"].push_back(partition_json(partition, with_details));
    return json;
}

}  // namespace

std::string json_of(const std::vector<TopicInfo>& topics) {
    Json json;
    json["topics"] = Json::array();
    for (const auto& topic : topics) json["topics"].push_back(topic_json(topic, false));
    return document(json);
}

std::string json_of(const TopicInfo& topic) { return document(topic_json(topic, true)); }

std::string json_of(const ClusterInfoResponse& cluster) {
    Json json;
    json["mesh_id"] = cluster.mesh_id;
    json["nodes"] = Json::array();
    for (const auto& node : cluster.nodes) {
        Json entry;
        entry["node"] = node.name;
        entry["address"] = node.address;
        entry["state"] = node.state;
        entry["version"] = node.version;
        entry["voter"] = node.voter;
        entry["labels"] = pairs_json(node.labels);
        json["nodes"].push_back(std::move(entry));
    }
    return document(json);
}

std::string json_of(const ClusterHealthResponse& health) {
    Json json;
    json["healthy"] = health.healthy;
    json["problems"] = Json::array();
    for (const auto& problem : health.problems)
        json["problems"].push_back(Json{{"kind", problem.kind}, {"subject", problem.subject}, {"message", problem.message}});
    return document(json);
}

std::string json_of_deleted(std::string_view topic) { return document(Json{{"topic", topic}, {"deleted", true}}); }

void append_json(const ConsumerRecord& record, std::string& out) {
    Json json;
    json["topic"] = record.topic;
    json["partition"] = record.partition.value;
    json["offset"] = record.offset.value;
    json["timestamp_ms"] = record.timestamp_ms;
    put_bytes(json, "key", record.key);
    put_bytes(json, "value", record.value);
    auto headers = Json::object();
    for (const auto& header : record.headers) put_bytes(headers, std::string(header.name), header.value);
    json["headers"] = std::move(headers);
    out += dump(json);
}

void append_json(const Delivery& delivery, std::string& out) {
    Json json;
    json["line"] = delivery.tag;
    json["topic"] = delivery.topic;
    json["partition"] = delivery.partition.value;
    json["offset"] = delivery.offset.value;
    json["durable_copies"] = delivery.durable_copies;
    out += dump(json);
}

}  // namespace sedge::cli
