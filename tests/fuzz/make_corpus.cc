// Writes the seeds of the fuzz targets' corpus: one small valid input or more for each.
#include <filesystem>
#include <fstream>
#include <string>

#include "node/core/catalogue.h"
#include "node/core/checkpoint.h"
#include "node/core/gossip_message.h"
#include "node/core/join_message.h"
#include "node/core/partition_register.h"
#include "node/core/peer_envelope.h"
#include "node/core/register_codec.h"
#include "node/core/replica_messages.h"
#include "node/core/voter_set.h"
#include "node/io/manifest.h"
#include "node/io/segment_format.h"
#include "schema/compression.h"
#include "schema/record_batch.h"
#include "schema/request.h"
#include "schema/response.h"

using namespace sedge;

namespace {

class Corpus {
  public:
    explicit Corpus(std::filesystem::path folder) : folder_(std::move(folder)) {}
    void add(const std::string& target, const std::string& name, ByteView bytes) const {
        std::filesystem::create_directories(folder_ / target);
        std::ofstream file(folder_ / target / name, std::ios::binary);
        file << as_text(bytes);
    }

  private:
    std::filesystem::path folder_;
};

Buffer sample_batch(Codec codec) {
    BatchBuilder builder(codec);
    builder.set_producer(ProducerId{42}, 1, 7);
    builder.add(1000, as_bytes("key"), as_bytes("value"));
    builder.add(1001, {}, as_bytes(std::string(200, 'v')), {{"name", as_bytes("x")}});
    return builder.finish();
}

void add_requests(const Corpus& corpus) {
    ProduceRequest plain{"topic", PartitionIndex{1}, Acks::leader, true, as_bytes("k"), as_bytes("v"), 77, {}};
    const RequestBody bodies[] = {HelloRequest{},
                                  MetadataRequest{{"a", "b"}},
                                  CreateTopicRequest{"topic", 3, 1, {{"retention", "7d"}}},
                                  AlterTopicRequest{"topic", {{"durability", "os"}}},
                                  DeleteTopicRequest{"topic"},
                                  DescribeTopicRequest{"topic"},
                                  plain,
                                  FetchRequest{"topic", PartitionIndex{1}, Offset{5}, 100, 200, true},
                                  ListOffsetsRequest{"topic", PartitionIndex{1}, ListOffsetsRequest::At::time, 99},
                                  ClusterInfoRequest{},
                                  ClusterHealthRequest{}};
    for (const RequestBody& body : bodies) {
        Buffer frame;
        encode_request(12, body, frame);
        corpus.add("request", std::string(api_name(body)), frame);
    }
}

void add_responses(const Corpus& corpus) {
    NodeInfo node{"n1", "tcp://127.0.0.1:7701", "alive", "sedge", true, {{"site", "hill"}}};
    PartitionInfo partition{PartitionIndex{0}, "n1", Epoch{1}, {"n1"}, {"n1"}, {}, Offset{9}, Offset{9}, 100};
    TopicInfo topic{"topic", {}, {{"retention", "7d"}}, {partition}};
    PlainRecord record{Offset{4}, 77, Buffer{std::byte{1}}, std::nullopt, {{"h", {}}}};
    const std::pair<const char*, ResponseBody> bodies[] = {
        {"hello", HelloResponse{1, 1, "n1", "mesh", "sedge", 1, 2}},
        {"metadata", MetadataResponse{{node}, {topic}, {"unknown"}}},
        {"topic", TopicResponse{topic}},
        {"produce", ProduceResponse{PartitionIndex{1}, Offset{5}, 1, 3, true}},
        {"fetch", FetchResponse{Offset{0}, Offset{9}, Offset{9}, {record}}},
        {"list_offsets", ListOffsetsResponse{Offset{8}}},
        {"cluster_info", ClusterInfoResponse{"mesh", {node}}},
        {"cluster_health", ClusterHealthResponse{false, {{"kind", "subject", "message"}}}},
        {"error", ErrorResponse{{ErrorCode::damaged, "message"}, Offset{7}, 1u, 1u}}};
    for (const auto& [name, body] : bodies) {
        Buffer frame;
        encode_response(12, body, frame);
        corpus.add("response", name, frame);
    }
}

void add_segment(const Corpus& corpus) {
    constexpr std::size_t kPageBytes = 512;
    Buffer batch = sample_batch(Codec::none);
    stamp_batch(batch, Offset{0}, 5, Epoch{1});
    Buffer file(4 * kPageBytes);
    const std::size_t value_at = 2 * kPageBytes + node::kLmdbPageHeaderBytes;
    node::EntryHeader entry{node::EntryType::batch, {}, Offset{0}, batch.size(), node::payload_crc(node::EntryType::batch, batch), 1};
    node::write_value_header({77, 1, 1, node::kValueHeaderBytes + entry.stored_bytes(), 1, 0}, MutableBytes(file).subspan(value_at));
    node::write_entry_header(entry, 77, MutableBytes(file).subspan(value_at + node::kValueHeaderBytes));
    std::copy(batch.begin(), batch.end(),
              file.begin() + static_cast<std::ptrdiff_t>(value_at + node::kValueHeaderBytes + node::kEntryHeaderBytes));
    corpus.add("segment", "one_value", file);
    corpus.add("segment", "manifest", as_bytes(node::encode_manifest({0, {{1, 77, node::SegmentState::sealed, 1, 5, 4096}, {2, 78, node::SegmentState::open, 6, 0, 0}}})));
}

void add_registers(const Corpus& corpus) {
    using namespace node;
    const auto add = [&](const std::string& name, const auto& value, auto encode) {
        Buffer bytes;
        encode(value, bytes);
        corpus.add("peers", name, bytes);
    };
    const Ballot ballot{3, AcceptorId{1}, 77};
    const ChosenValue chosen{ballot, Buffer(5, std::byte{9})};
    add("prepare", AcceptorCall{AcceptorId{1}, chosen, Prepare{"topic/a", ballot, 1}}, encode_acceptor_call);
    add("accept", AcceptorCall{AcceptorId{1}, chosen, Accept{"topic/a", ballot, chosen.value, 1}}, encode_acceptor_call);
    add("fence", AcceptorCall{AcceptorId{1}, chosen, Fence{2}}, encode_acceptor_call);
    add("promised", AcceptorAnswer{AcceptorId{1}, Promised{"k", ballot, ballot, chosen.value}}, encode_acceptor_answer);
    add("outbid", AcceptorAnswer{AcceptorId{1}, Outbid{"k", ballot, ballot}}, encode_acceptor_answer);
    add("fenced", AcceptorAnswer{AcceptorId{1}, Fenced{2, {"k", "voters"}}}, encode_acceptor_answer);
    add("news", RegisterNews{{"k", chosen}, {"voters", chosen}}, encode_register_news);
    add("digest", RegisterDigest{"a", "z", true, {{"k", ballot}}}, encode_register_digest);
    add("record", AcceptorRecord{"k", ballot, ballot, chosen.value}, encode_acceptor_record);
    add("fence_record", FenceRecord{2, chosen}, encode_fence_record);
    add("follows", std::vector{Follow{PartitionId{}, Epoch{4}, LogId{10}, Offset{5}, {}}}, encode_follows);
    add("chunks", std::vector{Chunk{PartitionId{}, Epoch{4}, Offset{5}, Epoch{3}, Offset{0}, Offset{9}, Offset{5}, Lineage{}, 1}}, encode_chunks);
    add("progress", std::vector{Progress{PartitionId{}, Epoch{4}, LogId{10}, Offset{5}, Offset{6}}}, encode_progress);
    add("join", JoinAnswer{"", std::string(32, 'e'), {}}, encode_join_answer);
    add("envelope", PeerEnvelope{kPeerVersion, "e", NodeId{1}, 5, NodeId{2}, PeerKind::gossip, as_bytes("payload")}, encode_peer_envelope);
}

void add_peers(const Corpus& corpus) {
    Buffer gossip, voters, partition, topic;
    node::Member member{node::NodeId{7}, 3, node::MemberState::suspect, {"n", "c", "p", "s", "1", {{"site", "hill"}}, 9, node::AcceptorId{8}}};
    node::encode_gossip({node::Ping{5, node::NodeId{7}}, {member}}, gossip);
    node::encode_voter_set({7, {node::AcceptorId{1}, node::AcceptorId{2}, node::AcceptorId{3}}, {}}, voters);
    node::encode_partition_register({Epoch{4}, node::NodeId{1}, 77, false, {{node::NodeId{1}, node::LogId{10}}}}, partition);
    node::encode_topic({{}, "topic", 3, 1, {}}, topic);
    corpus.add("peers", "gossip", gossip);
    corpus.add("peers", "voters", voters);
    corpus.add("peers", "partition", partition);
    corpus.add("peers", "topic", topic);
    add_registers(corpus);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    const Corpus corpus(argv[1]);
    for (const auto& [name, codec] : {std::pair("none", Codec::none), std::pair("zstd", Codec::zstd), std::pair("lz4", Codec::lz4)})
        corpus.add("batch", name, sample_batch(codec));
    for (const auto& [name, codec] : {std::pair("zstd", Codec::zstd), std::pair("lz4", Codec::lz4)}) {
        Buffer packed{std::byte{static_cast<unsigned char>(codec == Codec::zstd ? 0 : 1)}};
        compress(codec, as_bytes(std::string(300, 'x')), packed);
        corpus.add("compression", name, packed);
    }
    node::Catalogue catalogue;
    catalogue.add({TopicId{{1}}, "topic", 2, 1, {}});
    corpus.add("checkpoint", "one_topic", node::encode_checkpoint(catalogue));
    add_requests(corpus);
    add_responses(corpus);
    add_segment(corpus);
    add_peers(corpus);
    return 0;
}
