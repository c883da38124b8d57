// What nodes say to each other, through its bytes and back; and cut short anywhere.
#include <catch2/catch.hpp>

#include "node/core/join_message.h"
#include "node/core/peer_envelope.h"
#include "node/core/placement.h"
#include "node/core/replica_messages.h"
#include "node/core/topic_register.h"

using namespace sedge;
using namespace sedge::node;

namespace {

const PartitionId kPartition{TopicId{{1, 2, 3}}, PartitionIndex{7}};

Lineage lineage() { return *Lineage::from_steps({{Epoch{2}, Offset{10}}, {Epoch{5}, Offset{30}}}); }

// Whatever is cut off, nothing is read.
template <class Decode>
void check_cuts(const Buffer& bytes, Decode&& decode) {
    for (std::size_t size = 0; size < bytes.size(); ++size) CHECK(!decode(ByteView(bytes).first(size)));
}

Member node_named(const std::string& name, std::vector<std::pair<std::string, std::string>> labels = {}) {
    Member member;
    member.id = NodeId{name.empty() ? 1u : static_cast<std::uint64_t>(name.back())};
    member.facts.name = name;
    member.facts.labels = std::move(labels);
    return member;
}

}  // namespace

TEST_CASE("an envelope says who speaks to whom", "[peer_codec]") {
    Buffer bytes;
    encode_peer_envelope({kPeerVersion, "0123456789abcdef0123456789abcdef", NodeId{1}, 99, NodeId{2}, PeerKind::chunks, as_bytes("payload")}, bytes);
    const auto read = decode_peer_envelope(bytes);
    REQUIRE(read);
    CHECK(read->from == NodeId{1});
    CHECK(read->from_nonce == 99);
    CHECK(read->to == NodeId{2});
    CHECK(read->kind == PeerKind::chunks);
    CHECK(as_text(read->payload) == "payload");
    check_cuts(bytes, decode_peer_envelope);
}

TEST_CASE("replication messages come back as they were", "[peer_codec]") {
    Buffer follows, chunks, progress;
    encode_follows({{kPartition, Epoch{5}, LogId{77}, Offset{40}, lineage()}}, follows);
    encode_chunks({{kPartition, Epoch{5}, Offset{30}, Epoch{2}, Offset{1}, Offset{50}, Offset{45}, lineage(), 3, 12},
                   {kPartition, Epoch{6}, Offset{50}, Epoch{5}, Offset{1}, Offset{50}, Offset{50}, {}, 0, 13}},
                  chunks);
    encode_progress({{kPartition, Epoch{5}, LogId{77}, Offset{40}, Offset{41}, 12}}, progress);
    const auto follow = decode_follows(follows);
    REQUIRE(follow);
    CHECK(follow->at(0).lineage == lineage());
    CHECK(follow->at(0).end == Offset{40});
    const auto chunk = decode_chunks(chunks);
    REQUIRE(chunk);
    CHECK(chunk->at(0).lineage == lineage());
    CHECK(chunk->at(0).frames == 3);
    CHECK(!chunk->at(1).lineage);
    CHECK(chunk->at(1).round == 13);
    const auto made = decode_progress(progress);
    REQUIRE(made);
    CHECK(made->at(0).received == Offset{41});
    check_cuts(follows, decode_follows);
    check_cuts(chunks, decode_chunks);
    check_cuts(progress, decode_progress);
}

TEST_CASE("a join is answered with the members, or with a reason", "[peer_codec]") {
    Buffer request, answer, refusal;
    encode_join_request({node_named("n2", {{"rack", "r1"}})}, request);
    encode_join_answer({"", "0123456789abcdef0123456789abcdef", {node_named("n1")}}, answer);
    encode_join_answer({"too many", "", {}}, refusal);
    CHECK(decode_join_request(request)->self.facts.labels.size() == 1);
    CHECK(decode_join_answer(answer)->members.size() == 1);
    CHECK(decode_join_answer(refusal)->refused == "too many");
    check_cuts(request, decode_join_request);
    check_cuts(answer, decode_join_answer);
}

TEST_CASE("a register's key says what it is about", "[peer_codec]") {
    CHECK(is_topic_key(topic_key("a")));
    CHECK(partition_of_register(partition_key(kPartition)) == kPartition);
    for (const char* wrong : {"", "topic/a", "partition/", "partition/00/1", "partition/zz020300000000000000000000000000/7"})
        CHECK(!partition_of_register(wrong));
    const TopicRegister value{true, {kPartition.topic, "t", 3, 2, {}, {"a", "b"}}};
    CHECK(decode_topic_register(encode_topic_register(value)) == value);
}

TEST_CASE("replicas are neighbours in the topic's ring, and racks take turns in it", "[peer_codec]") {
    const TopicDescription topic{kPartition.topic, "t", 4, 2, {}, {"a", "b", "c"}};
    CHECK(replicas_of(topic, PartitionIndex{0}) == std::vector<std::string>{"a", "b"});
    CHECK(replicas_of(topic, PartitionIndex{2}) == std::vector<std::string>{"c", "a"});
    CHECK(keeps(topic, PartitionIndex{1}, "c"));
    CHECK(!keeps(topic, PartitionIndex{1}, "a"));
    const std::vector<Member> members{node_named("a", {{"rack", "1"}}), node_named("b", {{"rack", "1"}}), node_named("c", {{"rack", "2"}}),
                                      node_named("w", {{"witness", "true"}})};
    CHECK(choose_ring(members, 0) == std::vector<std::string>{"a", "c", "b"});
    CHECK(choose_ring(members, 1) == std::vector<std::string>{"c", "b", "a"});
}
