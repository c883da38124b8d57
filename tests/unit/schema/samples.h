// One request and one answer of every kind, with values that no default would give; and batches of every form.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "schema/msgpack.h"
#include "schema/record_batch.h"
#include "schema/request.h"
#include "schema/response.h"

namespace sedge::samples {

template <class T>
using Named = std::vector<std::pair<std::string, T>>;

// A map of one name to one value, as the plain form of produce carries its headers.
inline const Buffer& headers_map() {
    static const Buffer map = [] {
        Buffer out;
        MsgpackWriter writer(out);
        writer.map(1);
        writer.str("unit");
        writer.bin(as_bytes("kelvin"));
        return out;
    }();
    return map;
}

inline Named<RequestBody> requests() {
    const PartitionIndex third{3};
    ProduceRequest plain{"plant.line-1", third, Acks::leader, true, as_bytes("press"), as_bytes("21.5"), 1'700'000'000'123, ByteView(headers_map())};
    ProduceRequest tombstone{.topic = "plant.line-1", .partition = {}, .key = as_bytes("press"), .value = {}, .timestamp_ms = {}, .headers = {}};
    ProduceRequest unanswered{.topic = "t", .partition = PartitionIndex{0}, .acks = Acks::none, .key = {}, .value = as_bytes(""), .timestamp_ms = {}, .headers = {}};
    ProduceRequest batch{.topic = "t", .partition = PartitionIndex{70'000}, .key = {}, .value = {}, .timestamp_ms = {}, .headers = {}};
    return {
        {"hello", HelloRequest{}},
        {"metadata of all topics", MetadataRequest{}},
        {"metadata of two topics", MetadataRequest{{"a", "b.c"}}},
        {"create_topic", CreateTopicRequest{"plant.line-1", 12, 3, {{"retention", "7d"}, {"durability", "os"}}}},
        {"alter_topic", AlterTopicRequest{"plant.line-1", {{"retention_bytes", "100MB"}}}},
        {"delete_topic", DeleteTopicRequest{"plant.line-1"}},
        {"describe_topic", DescribeTopicRequest{"plant.line-1"}},
        {"produce, plain, every field", plain},
        {"produce, plain, a key without a value", tombstone},
        {"produce, plain, unanswered", unanswered},
        {"produce, header of a batch", batch},
        {"fetch", FetchRequest{"plant.line-1", third, Offset{1ull << 40}, 65'536, 500, false}},
        {"fetch, plain", FetchRequest{"plant.line-1", third, Offset{0}, 1'000, 60'000, true}},
        {"list_offsets, start", ListOffsetsRequest{"t", third, ListOffsetsRequest::At::start, 0}},
        {"list_offsets, end", ListOffsetsRequest{"t", third, ListOffsetsRequest::At::end, 0}},
        {"list_offsets, time", ListOffsetsRequest{"t", third, ListOffsetsRequest::At::time, 1'700'000'000'123}},
        {"cluster_info", ClusterInfoRequest{}},
        {"cluster_health", ClusterHealthRequest{}},
    };
}

struct SampleResponse {
    std::size_t request_index;  // of the request that it answers
    ResponseBody body;
};

inline NodeInfo node() { return {"press-2", "tcp://10.0.0.2:7701", "alive", "0.1.0", true, {{"site", "hall 4"}, {"rack", "b"}}}; }

inline TopicInfo topic() {
    TopicInfo info{"plant.line-1", {}, {{"retention", "7d"}, {"min_insync", "2"}}, {}};
    for (std::size_t i = 0; i < info.id.bytes.size(); ++i) info.id.bytes[i] = static_cast<std::uint8_t>(0xF0 + i);
    info.partitions.push_back({PartitionIndex{0}, "press-2", Epoch{7}, {"press-1", "press-2"}, {"press-2"}, Offset{10}, Offset{300}, Offset{299}, 70'000});
    info.partitions.push_back({PartitionIndex{1}, std::nullopt, Epoch{8}, {"press-1"}, {}, Offset{0}, Offset{0}, Offset{0}, 0});
    return info;
}

inline Buffer bytes(std::string_view text) {
    const ByteView view = as_bytes(text);
    return Buffer(view.begin(), view.end());
}

inline FetchResponse fetched(bool plain) {
    FetchResponse response{Offset{5}, Offset{5'000'000'000}, Offset{4'999'999'999}, {}};
    if (plain) {
        response.records.push_back({Offset{70}, 1'700'000'000'123, bytes("press"), bytes("21.5"), {{"unit", bytes("kelvin")}}});
        response.records.push_back({Offset{71}, 0, std::nullopt, std::nullopt, {}});
        response.records.push_back({Offset{72}, 1, bytes(""), bytes(std::string_view("\x00\xFF", 2)), {}});
    }
    return response;
}

inline Named<SampleResponse> responses() {
    const auto to = [](RequestBody request, ResponseBody body) { return SampleResponse{request.index(), std::move(body)}; };
    return {
        {"hello", to(HelloRequest{}, HelloResponse{1, 3, "press-2", "5eed5eed", "sedge 0.1.0", 8'388'608, 4'194'304})},
        {"metadata", to(MetadataRequest{}, MetadataResponse{{node()}, {topic()}, {"nonsense"}})},
        {"create_topic", to(CreateTopicRequest{}, TopicResponse{topic()})},
        {"alter_topic", to(AlterTopicRequest{}, TopicResponse{topic()})},
        {"describe_topic", to(DescribeTopicRequest{}, TopicResponse{topic()})},
        {"delete_topic", to(DeleteTopicRequest{}, DeleteTopicResponse{})},
        {"produce", to(ProduceRequest{}, ProduceResponse{PartitionIndex{3}, Offset{1ull << 40}, 2, 1, false})},
        {"produce, merged", to(ProduceRequest{}, ProduceResponse{PartitionIndex{3}, Offset{100}, 1, 640, false})},
        {"produce, duplicate", to(ProduceRequest{}, ProduceResponse{PartitionIndex{3}, Offset{100}, 0, 1, true})},
        {"fetch, header before batches", to(FetchRequest{}, fetched(false))},
        {"fetch, plain", to(FetchRequest{}, fetched(true))},
        {"list_offsets", to(ListOffsetsRequest{}, ListOffsetsResponse{Offset{77}})},
        {"cluster_info", to(ClusterInfoRequest{}, ClusterInfoResponse{"5eed5eed", {node()}})},
        {"cluster_health", to(ClusterHealthRequest{}, ClusterHealthResponse{false, {{"disk_full", "press-2", "make room"}}})},
        {"error", to(ProduceRequest{}, ErrorResponse{{ErrorCode::unknown_topic, "there is no topic 'x'"}, {}, {}, {}})},
        {"error, damaged", to(FetchRequest{}, ErrorResponse{{ErrorCode::damaged, "quarantined"}, Offset{900}, {}, {}})},
        {"error, unsupported_version", to(FetchRequest{}, ErrorResponse{{ErrorCode::unsupported_version, "version 9"}, {}, 1, 1})},
    };
}

// Three records: all fields; a nil key and two headers, earlier than the first; an empty key and a nil value.
inline Buffer batch(Codec codec) {
    BatchBuilder builder(codec);
    builder.set_producer(ProducerId{0x0123456789ABCDEF}, 3, 7);
    const std::string repeated(300, 'v');
    builder.add(1'700'000'000'000, as_bytes("key"), as_bytes("value"));
    builder.add(1'699'999'999'990, std::nullopt, as_bytes(repeated), {{"unit", as_bytes("kelvin")}, {"", {}}});
    builder.add(1'700'000'001'000, as_bytes(""), std::nullopt);
    return builder.finish();
}

inline Named<Buffer> batches() {
    BatchBuilder smallest;
    smallest.add(0, std::nullopt, as_bytes("v"));
    Buffer stamped = batch(Codec::none);
    stamp_batch(stamped, Offset{1ull << 40}, 1'700'000'002'000, Epoch{9});
    return {{"smallest", smallest.finish()}, {"uncompressed", batch(Codec::none)}, {"zstd", batch(Codec::zstd)}, {"lz4", batch(Codec::lz4)}, {"stamped by a leader", stamped}};
}

}  // namespace sedge::samples
