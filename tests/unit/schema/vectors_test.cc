// The vectors in schema/vectors are what other languages test their clients with: our code must agree with them. With
// SEDGE_REMAKE_VECTORS=1 in the environment they are written anew first.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "schema/crc32c.h"
#include "schema/partitioner.h"
#include "tests/unit/schema/samples.h"

using namespace sedge;
using Json = nlohmann::ordered_json;

namespace {

constexpr std::uint64_t kCorrelationId = 4711;

std::string to_hex(ByteView bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (const std::byte byte : bytes) {
        text.push_back(kDigits[std::to_integer<unsigned>(byte) >> 4]);
        text.push_back(kDigits[std::to_integer<unsigned>(byte) & 15]);
    }
    return text;
}

Buffer from_hex(const std::string& text) {
    Buffer bytes;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) bytes.push_back(static_cast<std::byte>(std::stoi(text.substr(i, 2), nullptr, 16)));
    return bytes;
}

// JSON has no bytes: they stand as {"bin": hex}.
Json readable(const Json& value) {
    if (value.is_binary()) return {{"bin", to_hex(std::as_bytes(std::span(value.get_binary())))}};
    Json out = value;
    if (value.is_structured())
        for (auto it = out.begin(); it != out.end(); ++it) *it = readable(*it);
    return out;
}

// What a msgpack value means, by a decoder that is not ours.
Json meaning_of_msgpack(ByteView bytes) {
    const auto* from = reinterpret_cast<const std::uint8_t*>(bytes.data());
    return readable(Json::from_msgpack(from, from + bytes.size()));
}

Json optional_bytes(const std::optional<ByteView>& bytes) { return bytes ? Json{{"bin", to_hex(*bytes)}} : Json(nullptr); }

Json meaning_of_batch(ByteView bytes) {
    const auto header = check_batch(bytes);
    REQUIRE(header.ok());
    static constexpr const char* kCodecs[] = {"none", "zstd", "lz4"};
    Json records = Json::array();
    const Status status = for_each_record(bytes, [&](Offset offset, const RecordView& record) {
        Json headers = Json::array();
        for (const RecordHeader& each : record.headers) headers.push_back({std::string(each.name), {{"bin", to_hex(each.value)}}});
        records.push_back({{"offset", offset.value}, {"timestamp_ms", record.timestamp_ms}, {"key", optional_bytes(record.key)},
                           {"value", optional_bytes(record.value)}, {"headers", headers}});
        return true;
    });
    REQUIRE(status.ok());
    return {{"size", header->size_bytes}, {"crc", header->crc}, {"base_offset", header->base_offset.value},
            {"append_time_ms", header->append_time_ms}, {"epoch", header->epoch.value}, {"codec", kCodecs[static_cast<int>(header->codec)]},
            {"count", header->count}, {"producer_id", header->producer_id.value}, {"producer_epoch", header->producer_epoch},
            {"base_sequence", header->base_sequence}, {"base_timestamp_ms", header->base_timestamp_ms},
            {"max_timestamp_ms", header->max_timestamp_ms}, {"records", records}};
}

std::filesystem::path source(const std::string& path) { return std::filesystem::path(SEDGE_SOURCE_DIR) / path; }

bool remaking() { return std::getenv("SEDGE_REMAKE_VECTORS") != nullptr; }

void write_file(const std::filesystem::path& path, std::string_view text) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream file(path, std::ios::binary);
    file.write(text.data(), static_cast<std::streamsize>(text.size()));
    REQUIRE(file.good());
}

// The vectors of a file; if they are being remade, those of `make` are written to it first.
template <class Make>
Json vectors(const std::string& file, Make&& make) {
    const auto path = source("schema/vectors/" + file);
    if (remaking()) {
        std::string text;
        for (const Json& each : make()) text += (text.empty() ? "[\n" : ",\n") + each.dump();
        write_file(path, text + "\n]\n");
    }
    std::ifstream in(path);
    REQUIRE(in.good());
    Json list = Json::parse(in);
    REQUIRE(list.size() > 3);
    return list;
}

Json vector_of(const std::string& name, ByteView bytes, Json meaning) { return {{"name", name}, {"hex", to_hex(bytes)}, {"meaning", std::move(meaning)}}; }

}  // namespace

TEST_CASE("batches are as the vectors say", "[vectors]") {
    const Json list = vectors("batches.json", [] {
        std::vector<Json> out;
        for (const auto& [name, batch] : samples::batches()) out.push_back(vector_of(name, batch, meaning_of_batch(batch)));
        return out;
    });
    for (const Json& each : list) {
        INFO(each["name"].get<std::string>());
        CHECK(meaning_of_batch(from_hex(each["hex"])) == each["meaning"]);
    }
    // Compressors may change; what is not compressed is ours to the byte.
    for (const auto& sample : samples::batches()) {
        if (read_batch_header(sample.second)->codec != Codec::none) continue;
        const std::string hex = to_hex(sample.second);
        CHECK(std::any_of(list.begin(), list.end(), [&](const Json& each) { return each["hex"] == hex; }));
    }
}

TEST_CASE("requests are as the vectors say", "[vectors]") {
    const Json list = vectors("requests.json", [] {
        std::vector<Json> out;
        for (const auto& [name, body] : samples::requests()) {
            Buffer frame;
            encode_request(kCorrelationId, body, frame);
            out.push_back(vector_of(name, frame, meaning_of_msgpack(frame)));
        }
        return out;
    });
    const auto ours = samples::requests();
    REQUIRE(list.size() == ours.size());
    for (std::size_t i = 0; i < list.size(); ++i) {
        INFO(ours[i].first);
        Buffer frame;
        encode_request(kCorrelationId, ours[i].second, frame);
        CHECK(to_hex(frame) == list[i]["hex"].get<std::string>());
        CHECK(meaning_of_msgpack(frame) == list[i]["meaning"]);
    }
}

TEST_CASE("answers are as the vectors say", "[vectors]") {
    const Json list = vectors("responses.json", [] {
        std::vector<Json> out;
        for (const auto& [name, sample] : samples::responses()) {
            Buffer frame;
            encode_response(kCorrelationId, sample.body, frame);
            out.push_back(vector_of(name, frame, meaning_of_msgpack(frame)));
        }
        return out;
    });
    const auto ours = samples::responses();
    REQUIRE(list.size() == ours.size());
    for (std::size_t i = 0; i < list.size(); ++i) {
        INFO(ours[i].first);
        Buffer frame;
        encode_response(kCorrelationId, ours[i].second.body, frame);
        CHECK(to_hex(frame) == list[i]["hex"].get<std::string>());
        CHECK(meaning_of_msgpack(frame) == list[i]["meaning"]);
    }
}

TEST_CASE("checksums are as the vectors say", "[vectors]") {
    const Json list = vectors("crc32c.json", [] {
        Buffer rising(10'000);
        for (std::size_t i = 0; i < rising.size(); ++i) rising[i] = static_cast<std::byte>((i * 7 + (i >> 8)) & 0xFF);
        const samples::Named<Buffer> inputs = {
            {"empty", {}}, {"check", samples::bytes("123456789")}, {"one zero", Buffer(1)}, {"32 zeros (RFC 3720)", Buffer(32)},
            {"32 times ff (RFC 3720)", Buffer(32, std::byte{0xFF})}, {"255 rising", Buffer(rising.begin(), rising.begin() + 255)},
            {"3073 rising", Buffer(rising.begin(), rising.begin() + 3073)}};
        std::vector<Json> out;
        for (const auto& [name, bytes] : inputs) out.push_back(vector_of(name, bytes, {{"crc32c", crc32c(bytes)}}));
        return out;
    });
    for (const Json& each : list) CHECK(crc32c(from_hex(each["hex"])) == each["meaning"]["crc32c"].get<std::uint32_t>());
}

TEST_CASE("keys go to the partitions that the vectors say", "[vectors]") {
    const Json list = vectors("key_hash.json", [] {
        std::vector<Json> out;
        for (const std::string& key : {std::string(), std::string("a"), std::string("ab"), std::string("abc"), std::string("abcd"), std::string("21"), std::string("foobar"),
                                       std::string("a-little-bit-long-string"), std::string("a-little-bit-longer-string"),
                                       std::string("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"), std::string("\x00\xFF\x80", 3)}) {
            Json partitions = Json::object();
            for (const std::uint32_t count : {1u, 3u, 12u, 1000u}) partitions[std::to_string(count)] = partition_of_key(as_bytes(key), count).value;
            out.push_back(vector_of("key " + std::to_string(out.size()), as_bytes(key), {{"murmur2", key_hash(as_bytes(key))}, {"partition_of", partitions}}));
        }
        return out;
    });
    for (const Json& each : list) {
        const Buffer key = from_hex(each["hex"]);
        CHECK(key_hash(key) == each["meaning"]["murmur2"].get<std::uint32_t>());
        for (const auto& [count, partition] : each["meaning"]["partition_of"].items())
            CHECK(partition_of_key(key, static_cast<std::uint32_t>(std::stoul(count))).value == partition.get<std::uint32_t>());
    }
}
