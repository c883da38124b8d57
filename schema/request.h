// What a client may ask, as values, and how they are written as frames. PROTOCOL.md is the same for people.
//
//   request   = frame 1: header [version, api, correlation_id, fields] and, directly behind it, the body (if any)
//             | frame 1: header; frame 2: body
//   version   = uint; api = str; correlation_id = uint (64 bits, the client's own); fields = map of str to value
//
// Unknown fields are skipped. A field may be absent where its type here is optional or has a default.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "schema/bytes.h"
#include "schema/ids.h"
#include "schema/limits.h"
#include "schema/status.h"

namespace sedge {

// Views point into the frame that was decoded, or into what the caller of encode_request keeps.

enum class Acks : std::uint8_t { none, leader, all };

// "hello": which versions, limits and name has this node? May be sent in any version.
struct HelloRequest {};

// "metadata": nodes, and the topics named (all if none are): id, partitions, leaders.
struct MetadataRequest {
    std::vector<std::string_view> topics;
};

// "create_topic"; config keys as in INTERFACES: min_insync, retention, retention_bytes, cleanup, durability, max_batch_bytes.
struct CreateTopicRequest {
    std::string_view topic;
    std::uint32_t partitions = 1;
    std::uint32_t replicas = 1;
    std::vector<std::pair<std::string_view, std::string_view>> config;
};

// "alter_topic"
struct AlterTopicRequest {
    std::string_view topic;
    std::vector<std::pair<std::string_view, std::string_view>> config;
};

// "delete_topic"
struct DeleteTopicRequest {
    std::string_view topic;
};

// "describe_topic": configuration, and per partition leader, epoch, replicas, isr, start, end, high watermark.
struct DescribeTopicRequest {
    std::string_view topic;
};

// "produce": a body that is one record batch; or, without a body, the one record given by key, value, headers, timestamp_ms.
struct ProduceRequest {
    std::string_view topic;
    std::optional<PartitionIndex> partition;  // absent: by the key's hash, or any if there is no key; needs the plain form
    Acks acks = Acks::all;
    bool merge_answers = false;               // "merge": one answer may cover many requests, see ProduceResponse
    // The plain form:
    std::optional<ByteView> key;
    std::optional<ByteView> value;
    std::optional<std::uint64_t> timestamp_ms;
    std::optional<ByteView> headers;          // msgpack: map of str to bin, as it stands in the frame
};

// "fetch": batches from `offset` on. A long poll: answers at once if there is a record, else within max_wait_ms.
struct FetchRequest {
    std::string_view topic;
    PartitionIndex partition;
    Offset offset;
    std::uint32_t max_bytes = limits::kDefaultFetchBytes;
    std::uint32_t max_wait_ms = 0;
    bool plain = false;                       // answer with records in the header, not with batches in the body
};

// "list_offsets": `at` is "start", "end", or a time: the first record with a timestamp at or after it.
struct ListOffsetsRequest {
    std::string_view topic;
    PartitionIndex partition;
    enum class At : std::uint8_t { start, end, time } at = At::end;
    std::uint64_t timestamp_ms = 0;
};

// "cluster_info", "cluster_health", "metrics"
struct ClusterInfoRequest {};
struct ClusterHealthRequest {};

using RequestBody =
    std::variant<HelloRequest, MetadataRequest, CreateTopicRequest, AlterTopicRequest, DeleteTopicRequest,
                 DescribeTopicRequest, ProduceRequest, FetchRequest, ListOffsetsRequest, ClusterInfoRequest,
                 ClusterHealthRequest>;

struct Request {
    std::uint64_t correlation_id = 0;
    RequestBody body;
    std::size_t header_bytes = 0;  // where the header ends in frame 1; what follows is the body
};

// A request that could not be understood. The correlation id is there when that much could be read: then an answer is due.
struct RequestError {
    std::optional<std::uint64_t> correlation_id;
    Status status;
};

// Reads a request's header from frame 1.
std::variant<Request, RequestError> decode_request(ByteView frame);

// Appends the header of a request to `out`.
void encode_request(std::uint64_t correlation_id, const RequestBody& body, Buffer& out);

// The api's name on the wire, for example "create_topic".
std::string_view api_name(const RequestBody& body);

// Is `name` a legal topic name? invalid_topic_name that says what would be right otherwise.
Status check_topic_name(std::string_view name);

}  // namespace sedge
