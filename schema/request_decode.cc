#include <algorithm>
#include <array>

#include "schema/msgpack.h"
#include "schema/request.h"
#include "schema/utf8.h"

namespace sedge {
namespace {

Status bad(std::string what) { return {ErrorCode::bad_request, std::move(what)}; }

Status wrong_field(std::string_view name, const char* wanted) {
    return bad("field '" + std::string(name) + "' must be " + wanted);
}

Status read_topic(MsgpackReader& reader, std::string_view& out) {
    const auto topic = reader.str();
    if (!topic) return wrong_field("topic", "a string");
    out = *topic;
    return {};
}

Status read_u32(MsgpackReader& reader, std::string_view name, std::uint32_t& out) {
    const auto value = reader.uint();
    if (!value || *value > UINT32_MAX) return wrong_field(name, "an integer from 0 to 4294967295");
    out = static_cast<std::uint32_t>(*value);
    return {};
}

Status read_u64(MsgpackReader& reader, std::string_view name, std::uint64_t& out) {
    const auto value = reader.uint();
    if (!value) return wrong_field(name, "an integer, 0 or more");
    out = *value;
    return {};
}

Status read_config(MsgpackReader& reader, std::vector<std::pair<std::string_view, std::string_view>>& out) {
    constexpr std::uint32_t kMaxConfigKeys = 64;
    const auto size = reader.map();
    if (!size || *size > kMaxConfigKeys) return wrong_field("config", "a map of strings to strings");
    for (std::uint32_t i = 0; i < *size; ++i) {
        const auto key = reader.str();
        const auto value = key ? reader.str() : std::nullopt;
        if (!value) return wrong_field("config", "a map of strings to strings");
        out.emplace_back(*key, *value);
    }
    return {};
}

Status skip_unknown(MsgpackReader& reader, std::string_view name) {
    return reader.skip() ? Status{} : bad("field '" + std::string(name.substr(0, 64)) + "' is malformed");
}

// --- One function per api: reads the value of the field `name`; unknown ones are skipped ---

Status read_field(MsgpackReader& reader, std::string_view name, HelloRequest&) { return skip_unknown(reader, name); }
Status read_field(MsgpackReader& reader, std::string_view name, ClusterInfoRequest&) { return skip_unknown(reader, name); }
Status read_field(MsgpackReader& reader, std::string_view name, ClusterHealthRequest&) { return skip_unknown(reader, name); }

Status read_field(MsgpackReader& reader, std::string_view name, MetadataRequest& request) {
    if (name != "topics") return skip_unknown(reader, name);
    const auto size = reader.array();
    if (!size || *size > limits::kMaxTopics) return wrong_field(name, "an array of topic names");
    for (std::uint32_t i = 0; i < *size; ++i) {
        const auto topic = reader.str();
        if (!topic) return wrong_field(name, "an array of topic names");
        request.topics.push_back(*topic);
    }
    return {};
}

Status read_field(MsgpackReader& reader, std::string_view name, CreateTopicRequest& request) {
    if (name == "topic") return read_topic(reader, request.topic);
    if (name == "partitions") return read_u32(reader, name, request.partitions);
    if (name == "replicas") return read_u32(reader, name, request.replicas);
    if (name == "config") return read_config(reader, request.config);
    return skip_unknown(reader, name);
}

Status read_field(MsgpackReader& reader, std::string_view name, AlterTopicRequest& request) {
    if (name == "topic") return read_topic(reader, request.topic);
    if (name == "config") return read_config(reader, request.config);
    return skip_unknown(reader, name);
}

Status read_field(MsgpackReader& reader, std::string_view name, DeleteTopicRequest& request) {
    return name == "topic" ? read_topic(reader, request.topic) : skip_unknown(reader, name);
}

Status read_field(MsgpackReader& reader, std::string_view name, DescribeTopicRequest& request) {
    return name == "topic" ? read_topic(reader, request.topic) : skip_unknown(reader, name);
}

Status read_acks(MsgpackReader& reader, Acks& out) {
    if (reader.peek() == MsgpackReader::Type::str) {
        if (reader.str() != "all") return wrong_field("acks", "0, 1 or \"all\"");
        out = Acks::all;
        return {};
    }
    const auto value = reader.uint();
    if (!value || *value > 1) return wrong_field("acks", "0, 1 or \"all\"");
    out = *value == 0 ? Acks::none : Acks::leader;
    return {};
}

Status read_blob(MsgpackReader& reader, std::string_view name, std::optional<ByteView>& out) {
    out.reset();  // of a field that comes twice the last one counts, also if it is nil
    if (reader.nil()) return {};
    out = reader.blob();
    return out ? Status{} : wrong_field(name, "bytes, a string or nil");
}

// Kept as it stands; checked here so that whoever reads it later need not fail.
Status read_headers(MsgpackReader& reader, std::optional<ByteView>& out) {
    const ByteView from = reader.rest();
    const auto size = reader.map();
    if (!size || *size > limits::kMaxRecordHeaders) return wrong_field("headers", "a map of at most 64 strings to bytes");
    for (std::uint32_t i = 0; i < *size; ++i) {
        const auto name = reader.str();
        if (!name || !is_utf8(as_bytes(*name)) || !reader.blob()) return wrong_field("headers", "a map of at most 64 strings to bytes");
    }
    out = from.first(from.size() - reader.rest().size());
    return {};
}

Status read_field(MsgpackReader& reader, std::string_view name, ProduceRequest& request) {
    if (name == "topic") return read_topic(reader, request.topic);
    if (name == "value") return read_blob(reader, name, request.value);
    if (name == "key") return read_blob(reader, name, request.key);
    if (name == "partition") {
        std::uint32_t partition = 0;
        Status status = read_u32(reader, name, partition);
        request.partition = PartitionIndex{partition};
        return status;
    }
    if (name == "acks") return read_acks(reader, request.acks);
    if (name == "merge") {
        const auto merge = reader.boolean();
        if (!merge) return wrong_field(name, "true or false");
        request.merge_answers = *merge;
        return {};
    }
    if (name == "timestamp_ms") {
        std::uint64_t timestamp_ms = 0;
        Status status = read_u64(reader, name, timestamp_ms);
        request.timestamp_ms = timestamp_ms;
        return status;
    }
    if (name == "headers") return read_headers(reader, request.headers);
    return skip_unknown(reader, name);
}

Status read_field(MsgpackReader& reader, std::string_view name, FetchRequest& request) {
    if (name == "topic") return read_topic(reader, request.topic);
    if (name == "partition") return read_u32(reader, name, request.partition.value);
    if (name == "offset") return read_u64(reader, name, request.offset.value);
    if (name == "max_bytes") return read_u32(reader, name, request.max_bytes);
    if (name == "max_wait_ms") return read_u32(reader, name, request.max_wait_ms);
    if (name == "plain") {
        const auto plain = reader.boolean();
        if (!plain) return wrong_field(name, "true or false");
        request.plain = *plain;
        return {};
    }
    return skip_unknown(reader, name);
}

Status read_field(MsgpackReader& reader, std::string_view name, ListOffsetsRequest& request) {
    if (name == "topic") return read_topic(reader, request.topic);
    if (name == "partition") return read_u32(reader, name, request.partition.value);
    if (name != "at") return skip_unknown(reader, name);
    if (reader.peek() != MsgpackReader::Type::str) {
        request.at = ListOffsetsRequest::At::time;
        return read_u64(reader, name, request.timestamp_ms);
    }
    const auto at = reader.str();
    if (at != "start" && at != "end") return wrong_field(name, "\"start\", \"end\" or a Unix time in milliseconds");
    request.at = at == "start" ? ListOffsetsRequest::At::start : ListOffsetsRequest::At::end;
    return {};
}

template <class Body>
concept NamesTopic = requires(Body body) { body.topic; };

template <class Body>
Status read_fields(MsgpackReader& reader, RequestBody& out) {
    const auto size = reader.map();
    if (!size) return bad("the header's fourth element must be a map of fields");
    Body& body = out.emplace<Body>();
    for (std::uint32_t i = 0; i < *size; ++i) {
        const auto name = reader.str();
        if (!name) return bad("a field's name must be a string");
        if (Status status = read_field(reader, *name, body); !status.ok()) return status;
    }
    if constexpr (NamesTopic<Body>)
        if (body.topic.empty()) return bad("field 'topic' is missing");
    return {};
}

using ReadFields = Status (*)(MsgpackReader&, RequestBody&);
struct Api {
    std::string_view name;
    ReadFields read;
};

// The busiest first: they are compared in this order.
constexpr Api kApis[] = {
    {"produce", read_fields<ProduceRequest>},
    {"fetch", read_fields<FetchRequest>},
    {"hello", read_fields<HelloRequest>},
    {"metadata", read_fields<MetadataRequest>},
    {"list_offsets", read_fields<ListOffsetsRequest>},
    {"create_topic", read_fields<CreateTopicRequest>},
    {"alter_topic", read_fields<AlterTopicRequest>},
    {"delete_topic", read_fields<DeleteTopicRequest>},
    {"describe_topic", read_fields<DescribeTopicRequest>},
    {"cluster_info", read_fields<ClusterInfoRequest>},
    {"cluster_health", read_fields<ClusterHealthRequest>},
};

constexpr const char* kShape = "a request is a msgpack array [version, api, correlation_id, fields]";

Status read_body(MsgpackReader& reader, std::uint64_t version, std::string_view name, RequestBody& body) {
    const Api* api = std::find_if(std::begin(kApis), std::end(kApis), [name](const Api& each) { return each.name == name; });
    const bool is_hello = name == "hello";  // answered in any version: it is how versions are found out
    if (version != limits::kProtocolVersion && !is_hello)
        return {ErrorCode::unsupported_version, "version " + std::to_string(version) + " is not spoken here, 1 is"};
    if (api == std::end(kApis))
        return {ErrorCode::unknown_api, "there is no api '" + std::string(name.substr(0, 64)) + "'; see PROTOCOL.md"};
    return api->read(reader, body);
}

}  // namespace

std::variant<Request, RequestError> decode_request(ByteView frame) {
    MsgpackReader reader(frame);
    const auto size = reader.array();
    if (size != 4u) return RequestError{std::nullopt, bad(kShape)};
    const auto version = reader.uint();
    const auto name = version ? reader.str() : std::nullopt;
    const auto correlation_id = name ? reader.uint() : std::nullopt;
    if (!correlation_id) return RequestError{std::nullopt, bad(kShape)};
    std::variant<Request, RequestError> result;
    Request& request = std::get<Request>(result);
    request.correlation_id = *correlation_id;
    if (Status status = read_body(reader, *version, *name, request.body); !status.ok())
        return RequestError{*correlation_id, std::move(status)};
    request.header_bytes = reader.position();
    if (request.header_bytes > limits::kMaxHeaderBytes)
        return RequestError{*correlation_id, {ErrorCode::record_too_large, "a header has 2 MiB at most; send a batch as the body"}};
    return result;
}

Status check_topic_name(std::string_view name) {
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    };
    const bool right_size = !name.empty() && name.size() <= limits::kMaxTopicNameBytes;
    if (right_size && name != "." && name != ".." && std::all_of(name.begin(), name.end(), allowed)) return {};
    return {ErrorCode::invalid_topic_name, "a topic name has 1 to 249 of the characters a-z A-Z 0-9 . _ - and is not '.' or '..'"};
}

}  // namespace sedge
