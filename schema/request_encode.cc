#include <array>

#include "schema/msgpack.h"
#include "schema/request.h"

namespace sedge {
namespace {

// In the order of RequestBody.
constexpr std::array<std::string_view, 11> kApiNames = {
    "hello",   "metadata", "create_topic", "alter_topic",  "delete_topic",  "describe_topic",
    "produce", "fetch",    "list_offsets", "cluster_info", "cluster_health"};
static_assert(kApiNames.size() == std::variant_size_v<RequestBody>);

using Config = std::vector<std::pair<std::string_view, std::string_view>>;

void write_topic(MsgpackWriter& writer, std::string_view topic) {
    writer.str("topic");
    writer.str(topic);
}

void write_config(MsgpackWriter& writer, const Config& config) {
    writer.str("config");
    writer.map(static_cast<std::uint32_t>(config.size()));
    for (const auto& [key, value] : config) {
        writer.str(key);
        writer.str(value);
    }
}

struct FieldsWriter {
    MsgpackWriter writer;
    Buffer& out;

    void operator()(const HelloRequest&) { writer.map(0); }
    void operator()(const ClusterInfoRequest&) { writer.map(0); }
    void operator()(const ClusterHealthRequest&) { writer.map(0); }

    void operator()(const MetadataRequest& request) {
        writer.map(1);
        writer.str("topics");
        writer.array(static_cast<std::uint32_t>(request.topics.size()));
        for (const auto topic : request.topics) writer.str(topic);
    }

    void operator()(const CreateTopicRequest& request) {
        writer.map(4);
        write_topic(writer, request.topic);
        writer.str("partitions");
        writer.uint(request.partitions);
        writer.str("replicas");
        writer.uint(request.replicas);
        write_config(writer, request.config);
    }

    void operator()(const AlterTopicRequest& request) {
        writer.map(2);
        write_topic(writer, request.topic);
        write_config(writer, request.config);
    }

    void operator()(const DeleteTopicRequest& request) {
        writer.map(1);
        write_topic(writer, request.topic);
    }

    void operator()(const DescribeTopicRequest& request) {
        writer.map(1);
        write_topic(writer, request.topic);
    }

    void operator()(const ProduceRequest& request) {
        std::uint32_t fields = 1;
        fields += request.partition ? 1u : 0u;
        fields += request.acks != Acks::all ? 1u : 0u;
        fields += request.merge_answers ? 1u : 0u;
        fields += request.key ? 1u : 0u;
        fields += request.value ? 1u : 0u;
        fields += request.timestamp_ms ? 1u : 0u;
        fields += request.headers ? 1u : 0u;
        writer.map(fields);
        write_topic(writer, request.topic);
        if (request.partition) {
            writer.str("partition");
            writer.uint(request.partition->value);
        }
        if (request.acks != Acks::all) {
            writer.str("acks");
            writer.uint(request.acks == Acks::none ? 0u : 1u);
        }
        if (request.merge_answers) {
            writer.str("merge");
            writer.boolean(true);
        }
        if (request.key) {
            writer.str("key");
            writer.bin(*request.key);
        }
        if (request.timestamp_ms) {
            writer.str("timestamp_ms");
            writer.uint(*request.timestamp_ms);
        }
        if (request.headers) {
            writer.str("headers");
            out.insert(out.end(), request.headers->begin(), request.headers->end());
        }
        if (request.value) {
            writer.str("value");
            writer.bin(*request.value);
        }
    }

    void operator()(const FetchRequest& request) {
        writer.map(6);
        write_topic(writer, request.topic);
        writer.str("partition");
        writer.uint(request.partition.value);
        writer.str("offset");
        writer.uint(request.offset.value);
        writer.str("max_bytes");
        writer.uint(request.max_bytes);
        writer.str("max_wait_ms");
        writer.uint(request.max_wait_ms);
        writer.str("plain");
        writer.boolean(request.plain);
    }

    void operator()(const ListOffsetsRequest& request) {
        writer.map(3);
        write_topic(writer, request.topic);
        writer.str("partition");
        writer.uint(request.partition.value);
        writer.str("at");
        if (request.at == ListOffsetsRequest::At::time)
            writer.uint(request.timestamp_ms);
        else
            writer.str(request.at == ListOffsetsRequest::At::start ? "start" : "end");
    }
};

}  // namespace

std::string_view api_name(const RequestBody& body) { return kApiNames[body.index()]; }

void encode_request(std::uint64_t correlation_id, const RequestBody& body, Buffer& out) {
    MsgpackWriter writer(out);
    writer.array(4);
    writer.uint(limits::kProtocolVersion);
    writer.str(api_name(body));
    writer.uint(correlation_id);
    std::visit(FieldsWriter{writer, out}, body);
}

}  // namespace sedge
