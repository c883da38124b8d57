#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "schema/limits.h"
#include "schema/msgpack.h"
#include "schema/response.h"

namespace sedge {
namespace {

// What a client accepts of one answer, so that a node that lies cannot grow it; each element is a byte at least.
constexpr std::uint32_t kMaxListed = 1'000'000;

// Calls read(name) for every field; `read` reads the value or skips it, and answers whether it could.
template <class Read>
bool read_map(MsgpackReader& reader, Read&& read) {
    const auto size = reader.map();
    if (!size) return false;
    for (std::uint32_t i = 0; i < *size; ++i) {
        const auto name = reader.str();
        if (!name || !read(*name)) return false;
    }
    return true;
}

template <class Item, class Read>
bool read_list(MsgpackReader& reader, std::vector<Item>& out, Read&& read) {
    const auto size = reader.array();
    if (!size || *size > kMaxListed) return false;
    for (std::uint32_t i = 0; i < *size; ++i)
        if (!read(out.emplace_back())) return false;
    return true;
}

bool read_text(MsgpackReader& reader, std::string& out) {
    const auto text = reader.str();
    if (text) out = *text;
    return text.has_value();
}

template <class Integer>
bool read_int(MsgpackReader& reader, Integer& out) {
    const auto value = reader.uint();
    if (!value || *value > std::numeric_limits<Integer>::max()) return false;
    out = static_cast<Integer>(*value);
    return true;
}

bool read_offset(MsgpackReader& reader, Offset& out) { return read_int(reader, out.value); }

bool read_flag(MsgpackReader& reader, bool& out) {
    const auto value = reader.boolean();
    out = value.value_or(false);
    return value.has_value();
}

bool read_names(MsgpackReader& reader, std::vector<std::string>& out) {
    return read_list(reader, out, [&](std::string& name) { return read_text(reader, name); });
}

bool read_pairs(MsgpackReader& reader, std::vector<std::pair<std::string, std::string>>& out) {
    return read_map(reader, [&](std::string_view name) {
        out.emplace_back(name, "");
        return read_text(reader, out.back().second);
    });
}

bool read_nodes(MsgpackReader& reader, std::vector<NodeInfo>& out) {
    return read_list(reader, out, [&](NodeInfo& node) {
        return read_map(reader, [&](std::string_view name) {
            if (name == "name") return read_text(reader, node.name);
            if (name == "address") return read_text(reader, node.address);
            if (name == "state") return read_text(reader, node.state);
            if (name == "version") return read_text(reader, node.version);
            if (name == "voter") return read_flag(reader, node.voter);
            if (name == "labels") return read_pairs(reader, node.labels);
            return reader.skip();
        });
    });
}

bool read_leader(MsgpackReader& reader, std::optional<std::string>& out) {
    if (reader.nil()) return true;
    return read_text(reader, out.emplace());
}

bool read_partition(MsgpackReader& reader, PartitionInfo& info) {
    return read_map(reader, [&](std::string_view name) {
        if (name == "partition") return read_int(reader, info.partition.value);
        if (name == "leader") return read_leader(reader, info.leader);
        if (name == "epoch") return read_int(reader, info.epoch.value);
        if (name == "replicas") return read_names(reader, info.replicas);
        if (name == "isr") return read_names(reader, info.isr);
        if (name == "start") return read_offset(reader, info.start);
        if (name == "end") return read_offset(reader, info.end);
        if (name == "high_watermark") return read_offset(reader, info.high_watermark);
        if (name == "bytes") return read_int(reader, info.bytes);
        return reader.skip();
    });
}

bool read_topic_id(MsgpackReader& reader, TopicId& out) {
    const auto bytes = reader.blob();
    if (!bytes || bytes->size() != out.bytes.size()) return false;
    std::memcpy(out.bytes.data(), bytes->data(), out.bytes.size());
    return true;
}

bool read_topic(MsgpackReader& reader, TopicInfo& info) {
    return read_map(reader, [&](std::string_view name) {
        if (name == "name") return read_text(reader, info.name);
        if (name == "id") return read_topic_id(reader, info.id);
        if (name == "config") return read_pairs(reader, info.config);
        if (name == "partitions")
            return read_list(reader, info.partitions, [&](PartitionInfo& each) { return read_partition(reader, each); });
        return reader.skip();
    });
}

bool read_blob(MsgpackReader& reader, std::optional<Buffer>& out) {
    if (reader.nil()) return true;
    const auto bytes = reader.blob();
    if (bytes) out.emplace(bytes->begin(), bytes->end());
    return bytes.has_value();
}

bool read_record(MsgpackReader& reader, PlainRecord& record) {
    if (reader.array() != 5u || !read_offset(reader, record.offset) || !read_int(reader, record.timestamp_ms)) return false;
    if (!read_blob(reader, record.key) || !read_blob(reader, record.value)) return false;
    return read_map(reader, [&](std::string_view name) {
        const auto value = reader.blob();
        if (value) record.headers.emplace_back(name, Buffer(value->begin(), value->end()));
        return value.has_value();
    });
}

// --- One function per kind of response ---

bool read_fields(MsgpackReader& reader, HelloResponse& response) {
    return read_map(reader, [&](std::string_view name) {
        if (name == "min_version") return read_int(reader, response.min_version);
        if (name == "max_version") return read_int(reader, response.max_version);
        if (name == "node") return read_text(reader, response.node);
        if (name == "mesh_id") return read_text(reader, response.mesh_id);
        if (name == "software") return read_text(reader, response.software);
        if (name == "max_frame_bytes") return read_int(reader, response.max_frame_bytes);
        if (name == "max_batch_bytes") return read_int(reader, response.max_batch_bytes);
        return reader.skip();
    });
}

bool read_fields(MsgpackReader& reader, MetadataResponse& response) {
    return read_map(reader, [&](std::string_view name) {
        if (name == "nodes") return read_nodes(reader, response.nodes);
        if (name == "topics")
            return read_list(reader, response.topics, [&](TopicInfo& each) { return read_topic(reader, each); });
        if (name == "unknown") return read_names(reader, response.unknown);
        return reader.skip();
    });
}

bool read_fields(MsgpackReader& reader, TopicResponse& response) {
    return read_map(reader, [&](std::string_view name) {
        return name == "topic" ? read_topic(reader, response.topic) : reader.skip();
    });
}

bool read_fields(MsgpackReader& reader, DeleteTopicResponse&) {
    return read_map(reader, [&](std::string_view) { return reader.skip(); });
}

bool read_fields(MsgpackReader& reader, ProduceResponse& response) {
    return read_map(reader, [&](std::string_view name) {
        if (name == "partition") return read_int(reader, response.partition.value);
        if (name == "offset") return read_offset(reader, response.offset);
        if (name == "copies") return read_int(reader, response.durable_copies);
        if (name == "count") return read_int(reader, response.count);
        if (name == "duplicate") return read_flag(reader, response.duplicate);
        return reader.skip();
    });
}

bool read_fields(MsgpackReader& reader, FetchResponse& response) {
    return read_map(reader, [&](std::string_view name) {
        if (name == "start") return read_offset(reader, response.start);
        if (name == "end") return read_offset(reader, response.end);
        if (name == "high_watermark") return read_offset(reader, response.high_watermark);
        if (name == "records")
            return read_list(reader, response.records, [&](PlainRecord& each) { return read_record(reader, each); });
        return reader.skip();
    });
}

bool read_fields(MsgpackReader& reader, ListOffsetsResponse& response) {
    return read_map(reader, [&](std::string_view name) {
        return name == "offset" ? read_offset(reader, response.offset) : reader.skip();
    });
}

bool read_fields(MsgpackReader& reader, ClusterInfoResponse& response) {
    return read_map(reader, [&](std::string_view name) {
        if (name == "mesh_id") return read_text(reader, response.mesh_id);
        if (name == "nodes") return read_nodes(reader, response.nodes);
        return reader.skip();
    });
}

bool read_problem(MsgpackReader& reader, HealthProblem& problem) {
    return read_map(reader, [&](std::string_view name) {
        if (name == "kind") return read_text(reader, problem.kind);
        if (name == "subject") return read_text(reader, problem.subject);
        if (name == "message") return read_text(reader, problem.message);
        return reader.skip();
    });
}

bool read_fields(MsgpackReader& reader, ClusterHealthResponse& response) {
    return read_map(reader, [&](std::string_view name) {
        if (name == "healthy") return read_flag(reader, response.healthy);
        if (name == "problems")
            return read_list(reader, response.problems, [&](HealthProblem& each) { return read_problem(reader, each); });
        return reader.skip();
    });
}

bool read_fields(MsgpackReader& reader, ErrorResponse& response) {
    return read_map(reader, [&](std::string_view name) {
        if (name == "message") return read_text(reader, response.status.message);
        if (name == "next_offset") return read_offset(reader, response.next_offset.emplace());
        if (name == "min_version") return read_int(reader, response.min_version.emplace());
        if (name == "max_version") return read_int(reader, response.max_version.emplace());
        return reader.skip();
    });
}

template <class Body>
bool read_as(MsgpackReader& reader, ResponseBody& out) {
    return read_fields(reader, out.emplace<Body>());
}

// Which response each request gets, in the order of RequestBody.
constexpr std::array<bool (*)(MsgpackReader&, ResponseBody&), 11> kReaders = {
    read_as<HelloResponse>,       read_as<MetadataResponse>,    read_as<TopicResponse>,
    read_as<TopicResponse>,       read_as<DeleteTopicResponse>, read_as<TopicResponse>,
    read_as<ProduceResponse>,     read_as<FetchResponse>,       read_as<ListOffsetsResponse>,
    read_as<ClusterInfoResponse>, read_as<ClusterHealthResponse>};

// [version, correlation_id, ...: the reader then stands at the error's name.
std::optional<std::uint64_t> read_front(MsgpackReader& reader) {
    if (reader.array() != 4u || reader.uint() != limits::kProtocolVersion) return std::nullopt;
    return reader.uint();
}

Status malformed() { return {ErrorCode::bad_request, "the answer does not parse"}; }

}  // namespace

std::optional<std::uint64_t> response_correlation_id(ByteView frame) {
    MsgpackReader reader(frame);
    return read_front(reader);
}

Result<Response> decode_response(ByteView frame, std::size_t request_index) {
    MsgpackReader reader(frame);
    const auto correlation_id = read_front(reader);
    const auto error = correlation_id ? reader.str() : std::nullopt;
    if (!error || request_index >= kReaders.size()) return malformed();
    Response response{*correlation_id, {}};
    if (*error == "ok") return kReaders[request_index](reader, response.body) ? Result(std::move(response)) : malformed();
    ErrorResponse failure;
    if (!read_fields(reader, failure)) return malformed();
    // An error that a newer node invented: all that is known is that the request failed.
    const auto code = error_code_from(*error);
    failure.status.code = code && *code != ErrorCode::ok ? *code : ErrorCode::bad_request;
    if (!code) failure.status.message = std::string(error->substr(0, 64)) + ": " + failure.status.message;
    response.body = std::move(failure);
    return response;
}

}  // namespace sedge
