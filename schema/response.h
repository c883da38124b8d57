// What a node answers, as values, and how they are written as frames. PROTOCOL.md is the same for people.
//
//   response  = frame 1: header [version, correlation_id, error, fields]; further frames: the body
//   error     = str: "ok" or an error's name; on an error fields has "message" (str) and sometimes more
//
// Receivers skip unknown fields.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "schema/bytes.h"
#include "schema/ids.h"
#include "schema/status.h"

namespace sedge {

struct HelloResponse {
    std::uint32_t min_version = 1;
    std::uint32_t max_version = 1;
    std::string node;
    std::string mesh_id;
    std::string software;  // "sedge 0.1.0"
    std::uint64_t max_frame_bytes = 0;
    std::uint64_t max_batch_bytes = 0;
};

struct NodeInfo {
    std::string name;
    std::string address;  // "tcp://host:port" for clients
    std::string state;    // "alive", "suspect", "dead", "left"
    std::string version;
    bool voter = false;
    std::vector<std::pair<std::string, std::string>> labels;
};

struct PartitionInfo {
    PartitionIndex partition;
    std::optional<std::string> leader;  // a node's name; absent: nobody leads
    Epoch epoch;
    std::vector<std::string> replicas;  // nodes' names
    std::vector<std::string> isr;
    // In the answer to describe_topic only:
    Offset start;
    Offset end;
    Offset high_watermark;
    std::uint64_t bytes = 0;
};

struct TopicInfo {
    std::string name;
    TopicId id;
    std::vector<std::pair<std::string, std::string>> config;  // every key that is in force
    std::vector<PartitionInfo> partitions;
};

struct MetadataResponse {
    std::vector<NodeInfo> nodes;
    std::vector<TopicInfo> topics;        // without config and offsets
    std::vector<std::string> unknown;     // topics that were asked for and do not exist
};

struct TopicResponse {  // to create_topic, alter_topic, describe_topic
    TopicInfo topic;
};

struct DeleteTopicResponse {};

// Where the records went, and on how many disks they are (0: on none that is sure, for durability=os or acks=none).
// With merge_answers an answer may stand for `count` requests with consecutive correlation ids from the one in its header,
// which all went to `partition`, at consecutive offsets from `offset`.
struct ProduceResponse {
    PartitionIndex partition;
    Offset offset;
    std::uint32_t durable_copies = 1;
    std::uint32_t count = 1;
    bool duplicate = false;  // these records were stored before, and were not stored again
};

struct PlainRecord {
    Offset offset;
    std::uint64_t timestamp_ms = 0;
    std::optional<Buffer> key;
    std::optional<Buffer> value;
    std::vector<std::pair<std::string, Buffer>> headers;
};

// Batches follow as body frames (each one or more whole batches); the first may begin before the offset that was asked for.
struct FetchResponse {
    Offset start;
    Offset end;
    Offset high_watermark;
    std::vector<PlainRecord> records;  // when plain was asked for
};

struct ListOffsetsResponse {
    Offset offset;  // for a time beyond the last record: the end
};

struct ClusterInfoResponse {
    std::string mesh_id;
    std::vector<NodeInfo> nodes;
};

struct HealthProblem {
    std::string kind;     // "partition_without_leader", "disk_full", "quarantine", ...
    std::string subject;  // what has it
    std::string message;  // what to do
};

struct ClusterHealthResponse {
    bool healthy = true;
    std::vector<HealthProblem> problems;
};

struct ErrorResponse {
    Status status;
    std::optional<Offset> next_offset;  // damaged: where reading goes on; offset_out_of_range: the start
    std::optional<std::uint32_t> min_version, max_version;  // unsupported_version
};

using ResponseBody = std::variant<HelloResponse, MetadataResponse, TopicResponse, DeleteTopicResponse, ProduceResponse,
                                  FetchResponse, ListOffsetsResponse, ClusterInfoResponse, ClusterHealthResponse,
                                  ErrorResponse>;

struct Response {
    std::uint64_t correlation_id = 0;
    ResponseBody body;
};

// Appends the header frame of a response to `out`.
void encode_response(std::uint64_t correlation_id, const ResponseBody& body, Buffer& out);

// The id of a response, without reading more; nullopt if it is none. A client uses it to find which request it answers.
std::optional<std::uint64_t> response_correlation_id(ByteView frame);

// Reads a response to a request of the type at `request_index` of RequestBody (see request.h): fields do not say their type.
// Any answer may be an ErrorResponse. bad_request if it does not parse.
Result<Response> decode_response(ByteView frame, std::size_t request_index);

}  // namespace sedge
