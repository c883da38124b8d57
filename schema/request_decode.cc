#include <algorithm>
#include <array>

#include "schema/msgpack.h"
#include "schema/request.h"
#include "schema/utf8.h"

namespace sedge {
namespace {

// What is wrong, if anything is. Readers answer whether they could, and say in it why not: a Status that is returned by value
// for every field costs more than all the reading.
using Why = Status;

Status bad(std::string what) { return {ErrorCode::bad_request, std::move(what)}; }

bool wrong_field(Why& why, std::string_view name, const char* wanted) {
    why = bad("field '" + std::string(name) + "' must be " + wanted);
    return false;
}

bool read_topic(MsgpackReader& reader, std::string_view& out, Why& why) {
    return reader.read_str(out) || wrong_field(why, "topic", "a string");
}

bool read_u32(MsgpackReader& reader, std::string_view name, std::uint32_t& out, Why& why) {
    std::uint64_t value = 0;
    if (!reader.read_uint(value) || value > UINT32_MAX) return wrong_field(why, name, "an integer from 0 to 4294967295");
    out = static_cast<std::uint32_t>(value);
    return true;
}

bool read_u64(MsgpackReader& reader, std::string_view name, std::uint64_t& out, Why& why) {
    return reader.read_uint(out) || wrong_field(why, name, "an integer, 0 or more");
}

bool read_flag(MsgpackReader& reader, std::string_view name, bool& out, Why& why) {
    const auto flag = reader.boolean();
    if (!flag) return wrong_field(why, name, "true or false");
    out = *flag;
    return true;
}

bool read_config(MsgpackReader& reader, std::vector<std::pair<std::string_view, std::string_view>>& out, Why& why) {
    constexpr std::uint32_t kMaxConfigKeys = 64;
    constexpr const char* kWanted = "a map of at most 64 strings to strings";
    std::uint32_t size = 0;
    out.clear();
    if (!reader.read_map(size) || size > kMaxConfigKeys) return wrong_field(why, "config", kWanted);
    for (std::uint32_t i = 0; i < size; ++i) {
        auto& [key, value] = out.emplace_back();
        if (!reader.read_str(key) || !reader.read_str(value)) return wrong_field(why, "config", kWanted);
    }
    return true;
}

bool skip_unknown(MsgpackReader& reader, std::string_view name, Why& why) {
    if (reader.skip()) return true;
    why = bad("field '" + std::string(name.substr(0, 64)) + "' is malformed");
    return false;
}

// --- One function per api: reads the value of the field `name`; unknown ones are skipped ---

bool read_field(MsgpackReader& reader, std::string_view name, HelloRequest&, Why& why) { return skip_unknown(reader, name, why); }
bool read_field(MsgpackReader& reader, std::string_view name, ClusterInfoRequest&, Why& why) { return skip_unknown(reader, name, why); }
bool read_field(MsgpackReader& reader, std::string_view name, ClusterHealthRequest&, Why& why) { return skip_unknown(reader, name, why); }

bool read_field(MsgpackReader& reader, std::string_view name, MetadataRequest& request, Why& why) {
    if (name != "topics") return skip_unknown(reader, name, why);
    std::uint32_t size = 0;
    request.topics.clear();
    if (!reader.read_array(size) || size > limits::kMaxTopics) return wrong_field(why, name, "an array of topic names");
    for (std::uint32_t i = 0; i < size; ++i)
        if (!reader.read_str(request.topics.emplace_back())) return wrong_field(why, name, "an array of topic names");
    return true;
}

bool read_field(MsgpackReader& reader, std::string_view name, CreateTopicRequest& request, Why& why) {
    if (name == "topic") return read_topic(reader, request.topic, why);
    if (name == "partitions") return read_u32(reader, name, request.partitions, why);
    if (name == "replicas") return read_u32(reader, name, request.replicas, why);
    if (name == "config") return read_config(reader, request.config, why);
    return skip_unknown(reader, name, why);
}

bool read_field(MsgpackReader& reader, std::string_view name, AlterTopicRequest& request, Why& why) {
    if (name == "topic") return read_topic(reader, request.topic, why);
    if (name == "config") return read_config(reader, request.config, why);
    return skip_unknown(reader, name, why);
}

bool read_field(MsgpackReader& reader, std::string_view name, DeleteTopicRequest& request, Why& why) {
    return name == "topic" ? read_topic(reader, request.topic, why) : skip_unknown(reader, name, why);
}

bool read_field(MsgpackReader& reader, std::string_view name, DescribeTopicRequest& request, Why& why) {
    return name == "topic" ? read_topic(reader, request.topic, why) : skip_unknown(reader, name, why);
}

bool read_acks(MsgpackReader& reader, Acks& out, Why& why) {
    constexpr const char* kWanted = "0, 1 or \"all\"";
    if (reader.peek() == MsgpackReader::Type::str) {
        if (reader.str() != "all") return wrong_field(why, "acks", kWanted);
        out = Acks::all;
        return true;
    }
    std::uint64_t value = 0;
    if (!reader.read_uint(value) || value > 1) return wrong_field(why, "acks", kWanted);
    out = value == 0 ? Acks::none : Acks::leader;
    return true;
}

// Of a field that comes twice the last one counts, also if it is nil.
bool read_blob(MsgpackReader& reader, std::string_view name, std::optional<ByteView>& out, Why& why) {
    out.reset();
    if (reader.nil()) return true;
    ByteView bytes;
    if (!reader.read_blob(bytes)) return wrong_field(why, name, "bytes, a string or nil");
    out = bytes;
    return true;
}

// Kept as it stands; checked here so that whoever reads it later need not fail.
bool read_headers(MsgpackReader& reader, std::optional<ByteView>& out, Why& why) {
    constexpr const char* kWanted = "a map of at most 64 strings to bytes";
    const ByteView from = reader.rest();
    std::uint32_t size = 0;
    if (!reader.read_map(size) || size > limits::kMaxRecordHeaders) return wrong_field(why, "headers", kWanted);
    for (std::uint32_t i = 0; i < size; ++i) {
        std::string_view name;
        ByteView value;
        if (!reader.read_str(name) || !is_utf8(as_bytes(name)) || !reader.read_blob(value)) return wrong_field(why, "headers", kWanted);
    }
    out = from.first(from.size() - reader.rest().size());
    return true;
}

bool read_field(MsgpackReader& reader, std::string_view name, ProduceRequest& request, Why& why) {
    if (name == "topic") return read_topic(reader, request.topic, why);
    if (name == "value") return read_blob(reader, name, request.value, why);
    if (name == "key") return read_blob(reader, name, request.key, why);
    if (name == "partition") return read_u32(reader, name, request.partition.emplace().value, why);
    if (name == "acks") return read_acks(reader, request.acks, why);
    if (name == "merge") return read_flag(reader, name, request.merge_answers, why);
    if (name == "timestamp_ms") return read_u64(reader, name, request.timestamp_ms.emplace(), why);
    if (name == "headers") return read_headers(reader, request.headers, why);
    return skip_unknown(reader, name, why);
}

bool read_field(MsgpackReader& reader, std::string_view name, FetchRequest& request, Why& why) {
    if (name == "topic") return read_topic(reader, request.topic, why);
    if (name == "partition") return read_u32(reader, name, request.partition.value, why);
    if (name == "offset") return read_u64(reader, name, request.offset.value, why);
    if (name == "max_bytes") return read_u32(reader, name, request.max_bytes, why);
    if (name == "max_wait_ms") return read_u32(reader, name, request.max_wait_ms, why);
    if (name == "plain") return read_flag(reader, name, request.plain, why);
    return skip_unknown(reader, name, why);
}

bool read_field(MsgpackReader& reader, std::string_view name, ListOffsetsRequest& request, Why& why) {
    if (name == "topic") return read_topic(reader, request.topic, why);
    if (name == "partition") return read_u32(reader, name, request.partition.value, why);
    if (name != "at") return skip_unknown(reader, name, why);
    if (reader.peek() != MsgpackReader::Type::str) {
        request.at = ListOffsetsRequest::At::time;
        return read_u64(reader, name, request.timestamp_ms, why);
    }
    const auto at = reader.str();
    if (at != "start" && at != "end") return wrong_field(why, name, "\"start\", \"end\" or a Unix time in milliseconds");
    request.at = at == "start" ? ListOffsetsRequest::At::start : ListOffsetsRequest::At::end;
    return true;
}

template <class Body>
concept NamesTopic = requires(Body body) { body.topic; };

template <class Body>
bool read_fields(MsgpackReader& reader, RequestBody& out, Why& why) {
    std::uint32_t size = 0;
    if (!reader.read_map(size)) {
        why = bad("the header's fourth element must be a map of fields");
        return false;
    }
    Body& body = out.emplace<Body>();
    for (std::uint32_t i = 0; i < size; ++i) {
        std::string_view name;
        if (!reader.read_str(name)) {
            why = bad("a field's name must be a string");
            return false;
        }
        if (!read_field(reader, name, body, why)) return false;
    }
    if constexpr (NamesTopic<Body>) {
        if (body.topic.empty()) {
            why = bad("field 'topic' is missing");
            return false;
        }
    }
    return true;
}

using ReadFields = bool (*)(MsgpackReader&, RequestBody&, Why&);
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

bool read_body(MsgpackReader& reader, std::uint64_t version, std::string_view name, RequestBody& body, Why& why) {
    const Api* api = std::find_if(std::begin(kApis), std::end(kApis), [name](const Api& each) { return each.name == name; });
    const bool is_hello = name == "hello";  // answered in any version: it is how versions are found out
    if (version != limits::kProtocolVersion && !is_hello)
        why = {ErrorCode::unsupported_version, "version " + std::to_string(version) + " is not spoken here, 1 is"};
    else if (api == std::end(kApis))
        why = {ErrorCode::unknown_api, "there is no api '" + std::string(name.substr(0, 64)) + "'; see PROTOCOL.md"};
    else
        return api->read(reader, body, why);
    return false;
}

// The elements before the fields; false if it is no request.
bool read_front(MsgpackReader& reader, std::uint64_t& version, std::string_view& name, std::uint64_t& correlation_id) {
    std::uint32_t size = 0;
    return reader.read_array(size) && size == 4 && reader.read_uint(version) && reader.read_str(name) &&
           reader.read_uint(correlation_id);
}

}  // namespace

std::variant<Request, RequestError> decode_request(ByteView frame) {
    std::variant<Request, RequestError> result;  // the only object that is returned, so that it is made in the caller's place
    MsgpackReader reader(frame);
    std::uint64_t version = 0;
    std::string_view name;
    Request& request = std::get<Request>(result);
    if (!read_front(reader, version, name, request.correlation_id)) {
        result = RequestError{std::nullopt, bad(kShape)};
        return result;
    }
    Why why;
    if (!read_body(reader, version, name, request.body, why)) {
        result = RequestError{request.correlation_id, std::move(why)};
        return result;
    }
    request.header_bytes = reader.position();
    if (request.header_bytes > limits::kMaxHeaderBytes)
        result = RequestError{request.correlation_id, {ErrorCode::record_too_large, "a header has 2 MiB at most; send a batch as the body"}};
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
