#include <array>
#include <cstring>

#include "schema/limits.h"
#include "schema/msgpack.h"
#include "schema/response.h"

namespace sedge {
namespace {

std::uint32_t size_of(const auto& list) { return static_cast<std::uint32_t>(list.size()); }

// Messages quote what clients sent, and a msgpack str must be UTF-8 for their decoders: other bytes than plain ASCII become '?'.
std::string printable(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c < ' ' || c > '~') c = '?';
    return out;
}

struct FieldsWriter {
    MsgpackWriter writer;

    void field(std::string_view name, std::uint64_t value) {
        writer.str(name);
        writer.uint(value);
    }
    void field(std::string_view name, std::string_view value) {
        writer.str(name);
        writer.str(value);
    }
    void flag(std::string_view name, bool value) {
        writer.str(name);
        writer.boolean(value);
    }
    void names(std::string_view name, const std::vector<std::string>& values) {
        writer.str(name);
        writer.array(size_of(values));
        for (const std::string& value : values) writer.str(printable(value));
    }
    void pairs(std::string_view name, const std::vector<std::pair<std::string, std::string>>& values) {
        writer.str(name);
        writer.map(size_of(values));
        for (const auto& [key, value] : values) field(key, value);
    }

    void nodes(const std::vector<NodeInfo>& list) {
        writer.str("nodes");
        writer.array(size_of(list));
        for (const NodeInfo& node : list) {
            writer.map(6);
            field("name", node.name);
            field("address", node.address);
            field("state", node.state);
            field("version", node.version);
            flag("voter", node.voter);
            pairs("labels", node.labels);
        }
    }

    void topic(const TopicInfo& info) {
        writer.map(4);
        field("name", info.name);
        writer.str("id");
        writer.bin(std::as_bytes(std::span(info.id.bytes)));
        pairs("config", info.config);
        writer.str("partitions");
        writer.array(size_of(info.partitions));
        for (const PartitionInfo& each : info.partitions) partition(each);
    }

    void partition(const PartitionInfo& info) {
        writer.map(9);
        field("partition", info.partition.value);
        writer.str("leader");
        if (info.leader)
            writer.str(*info.leader);
        else
            writer.nil();
        field("epoch", info.epoch.value);
        names("replicas", info.replicas);
        names("isr", info.isr);
        field("start", info.start.value);
        field("end", info.end.value);
        field("high_watermark", info.high_watermark.value);
        field("bytes", info.bytes);
    }

    void operator()(const HelloResponse& response) {
        writer.map(7);
        field("min_version", response.min_version);
        field("max_version", response.max_version);
        field("node", response.node);
        field("mesh_id", response.mesh_id);
        field("software", response.software);
        field("max_frame_bytes", response.max_frame_bytes);
        field("max_batch_bytes", response.max_batch_bytes);
    }

    void operator()(const MetadataResponse& response) {
        writer.map(3);
        nodes(response.nodes);
        writer.str("topics");
        writer.array(size_of(response.topics));
        for (const TopicInfo& each : response.topics) topic(each);
        names("unknown", response.unknown);
    }

    void operator()(const TopicResponse& response) {
        writer.map(1);
        writer.str("topic");
        topic(response.topic);
    }

    void operator()(const DeleteTopicResponse&) { writer.map(0); }

    void operator()(const ProduceResponse&) {}  // ProduceAnswer, below

    void operator()(const FetchResponse& response) {
        writer.map(4);
        field("start", response.start.value);
        field("end", response.end.value);
        field("high_watermark", response.high_watermark.value);
        writer.str("records");
        writer.array(size_of(response.records));
        for (const PlainRecord& each : response.records) record(each);
    }

    void blob(const std::optional<Buffer>& bytes) { bytes ? writer.bin(*bytes) : writer.nil(); }

    void record(const PlainRecord& record) {
        writer.array(5);
        writer.uint(record.offset.value);
        writer.uint(record.timestamp_ms);
        blob(record.key);
        blob(record.value);
        writer.map(size_of(record.headers));
        for (const auto& [name, value] : record.headers) {
            writer.str(name);
            writer.bin(value);
        }
    }

    void operator()(const ListOffsetsResponse& response) {
        writer.map(1);
        field("offset", response.offset.value);
    }

    void operator()(const ClusterInfoResponse& response) {
        writer.map(2);
        field("mesh_id", response.mesh_id);
        nodes(response.nodes);
    }

    void operator()(const ClusterHealthResponse& response) {
        writer.map(2);
        flag("healthy", response.healthy);
        writer.str("problems");
        writer.array(size_of(response.problems));
        for (const HealthProblem& problem : response.problems) {
            writer.map(3);
            field("kind", problem.kind);
            field("subject", problem.subject);
            field("message", problem.message);
        }
    }

    void operator()(const ErrorResponse& response) {
        writer.map(1 + (response.next_offset ? 1u : 0u) + (response.min_version ? 1u : 0u) + (response.max_version ? 1u : 0u));
        field("message", printable(response.status.message));
        if (response.next_offset) field("next_offset", response.next_offset->value);
        if (response.min_version) field("min_version", *response.min_version);
        if (response.max_version) field("max_version", *response.max_version);
    }
};

// A node that is asked for every record writes this answer as often as a record, so it is put together aside and appended at once.
class ProduceAnswer {
  public:
    ProduceAnswer(std::uint64_t correlation_id, const ProduceResponse& response) {
        text("\x94\x01");
        uint(correlation_id);
        text("\xA2ok");
        *at_++ = static_cast<std::byte>(0x83 + (response.count > 1 ? 1 : 0) + (response.duplicate ? 1 : 0));
        text("\xA9partition");
        uint(response.partition.value);
        text("\xA6offset");
        uint(response.offset.value);
        text("\xA6" "copies");
        uint(response.durable_copies);
        if (response.count > 1) {
            text("\xA5" "count");
            uint(response.count);
        }
        if (response.duplicate) text("\xA9" "duplicate\xC3");
    }

    ByteView bytes() const { return {bytes_.data(), static_cast<std::size_t>(at_ - bytes_.data())}; }

  private:
    template <std::size_t kSize>
    void text(const char (&literal)[kSize]) {
        std::memcpy(at_, literal, kSize - 1);
        at_ += kSize - 1;
    }

    void uint(std::uint64_t value) {
        constexpr std::uint8_t kUint8 = 0xCC;
        const unsigned width_log2 = value <= UINT8_MAX ? 0 : value <= UINT16_MAX ? 1 : value <= UINT32_MAX ? 2 : 3;
        if (value >= 0x80) *at_++ = static_cast<std::byte>(kUint8 + width_log2);
        for (unsigned bits = 8u << width_log2; bits > 0; bits -= 8) *at_++ = static_cast<std::byte>(value >> (bits - 8) & 0xFF);
    }

    static constexpr std::size_t kMostBytes = 128;  // five integers of 9 bytes, and 44 of text
    std::array<std::byte, kMostBytes> bytes_;
    std::byte* at_ = bytes_.data();
};

}  // namespace

void encode_response(std::uint64_t correlation_id, const ResponseBody& body, Buffer& out) {
    if (const auto* produce = std::get_if<ProduceResponse>(&body)) {
        static_assert(limits::kProtocolVersion == 1);
        const ProduceAnswer answer(correlation_id, *produce);
        out.insert(out.end(), answer.bytes().begin(), answer.bytes().end());
        return;
    }
    MsgpackWriter writer(out);
    writer.array(4);
    writer.uint(limits::kProtocolVersion);
    writer.uint(correlation_id);
    const auto* error = std::get_if<ErrorResponse>(&body);
    writer.str(to_string(error != nullptr ? error->status.code : ErrorCode::ok));
    std::visit(FieldsWriter{writer}, body);
}

}  // namespace sedge
