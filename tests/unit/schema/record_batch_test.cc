#if defined(__GNUC__) && !defined(__clang__)
// g++ 12 thinks that a std::vector that grows by its own first bytes is read beyond its end (GCC bug 105329).
#pragma GCC diagnostic ignored "-Wstringop-overread"
#endif

#include "schema/record_batch.h"

#include <catch2/catch.hpp>

#include <random>

#include "schema/compression.h"
#include "schema/crc32c.h"
#include "schema/limits.h"
#include "schema/little_endian.h"
#include "schema/msgpack.h"

using namespace sedge;

namespace {

Buffer sample_batch(Codec codec) {
    BatchBuilder builder(codec);
    builder.set_producer(ProducerId{42}, 3, 7);
    const std::string long_value(5000, 'v');
    builder.add(1000, as_bytes("key"), as_bytes("value"));
    builder.add(990, std::nullopt, as_bytes(long_value), {{"h", as_bytes("1")}, {"", {}}});
    builder.add(1005, as_bytes(""), std::nullopt);
    return builder.finish();
}

// A batch of one record with `body` as its bytes, and right checksums.
Buffer batch_of(ByteView body, std::uint32_t count = 1, Codec codec = Codec::none) {
    Buffer batch(kBatchHeaderBytes);
    batch.insert(batch.end(), body.begin(), body.end());
    const MutableBytes bytes(batch);
    store_le(bytes, 0, static_cast<std::uint32_t>(batch.size()));
    store_le(bytes, 32, std::uint8_t{1});
    store_le(bytes, 33, static_cast<std::uint8_t>(codec));
    store_le(bytes, 36, count);
    store_le(bytes, 4, crc32c(ByteView(batch).subspan(32)));
    return batch;
}

Status walk(ByteView batch) {
    return for_each_record(batch, [](Offset, const RecordView&) { return true; });
}

template <class Write>
Buffer body_of(Write&& write) {
    Buffer body;
    MsgpackWriter writer(body);
    write(writer);
    return body;
}

}  // namespace

TEST_CASE("records come back from a batch in every codec", "[record_batch]") {
    for (const Codec codec : {Codec::none, Codec::zstd, Codec::lz4}) {
        Buffer batch = sample_batch(codec);
        stamp_batch(batch, Offset{100}, 123456, Epoch{9});
        const auto header = check_appended_batch(batch);
        REQUIRE(header.ok());
        CHECK(header->codec == codec);
        CHECK(header->base_offset == Offset{100});
        CHECK(header->end_offset() == Offset{103});
        CHECK(header->append_time_ms == 123456);
        CHECK(header->epoch == Epoch{9});
        CHECK(header->producer_id == ProducerId{42});
        CHECK(header->producer_epoch == 3);
        CHECK(header->base_sequence == 7);
        CHECK(header->base_timestamp_ms == 1000);
        CHECK(header->max_timestamp_ms == 1005);
        std::vector<std::string> seen;
        const Status status = for_each_record(batch, [&](Offset offset, const RecordView& record) {
            seen.push_back(std::to_string(offset.value) + "@" + std::to_string(record.timestamp_ms) + " " +
                           (record.key ? "'" + std::string(as_text(*record.key)) + "'" : "nil") + " " +
                           (record.value ? std::to_string(record.value->size()) : "nil") + " " +
                           std::to_string(record.headers.size()));
            return true;
        });
        CHECK(status.ok());
        CHECK(seen == std::vector<std::string>{"100@1000 'key' 5 0", "101@990 nil 5000 2", "102@1005 '' nil 0"});
    }
}

TEST_CASE("no flipped bit and no cut of a batch goes unnoticed", "[record_batch]") {
    Buffer batch = sample_batch(Codec::none);
    stamp_batch(batch, Offset{5}, 6, Epoch{7});
    for (std::size_t size = 0; size < batch.size(); ++size)
        REQUIRE(!check_appended_batch(ByteView(batch).first(size)).ok());
    for (std::size_t bit = 0; bit < batch.size() * 8; ++bit) {
        batch[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
        REQUIRE(!check_appended_batch(batch).ok());
        batch[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    }
    CHECK(check_appended_batch(batch).ok());
}

TEST_CASE("a builder starts afresh after finish", "[record_batch]") {
    BatchBuilder builder;
    builder.add(1, {}, as_bytes("a"));
    const Buffer first = builder.finish();
    CHECK(builder.empty());
    builder.add(1, {}, as_bytes("a"));
    CHECK(builder.finish() == first);
}

TEST_CASE("headers with values outside their limits are refused", "[record_batch]") {
    const Buffer good = sample_batch(Codec::none);
    const auto refused_with = [&](std::size_t at, auto value) {
        Buffer batch = good;
        store_le(MutableBytes(batch), at, value);
        const auto header = read_batch_header(batch);
        return header.ok() ? ErrorCode::ok : header.status().code;
    };
    for (const std::uint32_t size : {0u, 71u, 72u, static_cast<std::uint32_t>(good.size() + 1)}) CHECK(refused_with(0, size) == ErrorCode::corrupt_batch);
    CHECK(refused_with(0, static_cast<std::uint32_t>(limits::kMaxBatchBytes + 1)) == ErrorCode::record_too_large);
    CHECK(refused_with(0, 0xFFFFFFFFu) == ErrorCode::record_too_large);
    CHECK(refused_with(32, std::uint8_t{0}) == ErrorCode::corrupt_batch);
    CHECK(refused_with(32, std::uint8_t{2}) == ErrorCode::corrupt_batch);
    CHECK(refused_with(33, std::uint8_t{3}) == ErrorCode::corrupt_batch);
    CHECK(refused_with(34, std::uint16_t{1}) == ErrorCode::corrupt_batch);
    CHECK(refused_with(36, 0u) == ErrorCode::corrupt_batch);
    CHECK(refused_with(36, limits::kMaxRecordsPerBatch + 1) == ErrorCode::corrupt_batch);
    CHECK(refused_with(52, kSequenceModulus) == ErrorCode::corrupt_batch);
    CHECK(refused_with(52, kSequenceModulus - 1) == ErrorCode::ok);
}

TEST_CASE("a header can be parsed without its batch, and a batch found in more bytes", "[record_batch]") {
    Buffer batch = sample_batch(Codec::none);
    const std::size_t size = batch.size();
    CHECK(parse_batch_header(ByteView(batch).first(kBatchHeaderBytes)).ok());
    CHECK(!read_batch_header(ByteView(batch).first(size - 1)).ok());
    batch.insert(batch.end(), 50, std::byte{0xFF});
    CHECK(check_batch(batch)->size_bytes == size);
    CHECK(walk(batch).ok());
}

TEST_CASE("the leader's stamp leaves the client's checksum alone", "[record_batch]") {
    Buffer batch = sample_batch(Codec::lz4);
    const Buffer before = batch;
    CHECK(check_batch(batch).ok());
    CHECK(!check_appended_batch(batch).ok());
    stamp_batch(batch, Offset{~0ull - 10}, ~0ull, Epoch{~0u});
    CHECK(check_batch(batch).ok());
    CHECK(check_appended_batch(batch).ok());
    CHECK(std::equal(batch.begin() + 32, batch.end(), before.begin() + 32));
}

TEST_CASE("bodies that are not exactly their records are refused", "[record_batch]") {
    const Buffer one = body_of([](MsgpackWriter& writer) { writer.array(3), writer.uint(0), writer.nil(), writer.bin({}); });
    CHECK(walk(batch_of(one)).ok());
    CHECK(walk(batch_of(one, 2)).code == ErrorCode::corrupt_batch);
    Buffer two = one;
    two.insert(two.end(), one.begin(), one.end());
    CHECK(walk(batch_of(two)).code == ErrorCode::corrupt_batch);
    CHECK(walk(batch_of(two, 2)).ok());
    for (const Buffer& bad : {
             body_of([](MsgpackWriter& writer) { writer.array(2), writer.uint(0), writer.nil(); }),
             body_of([](MsgpackWriter& writer) { writer.array(5), writer.uint(0), writer.nil(), writer.nil(), writer.array(0), writer.nil(); }),
             body_of([](MsgpackWriter& writer) { writer.array(3), writer.nil(), writer.nil(), writer.nil(); }),
             body_of([](MsgpackWriter& writer) { writer.array(3), writer.uint(1ull << 63), writer.nil(), writer.nil(); }),
             body_of([](MsgpackWriter& writer) { writer.array(3), writer.uint(0), writer.uint(1), writer.nil(); }),
             body_of([](MsgpackWriter& writer) { writer.array(4), writer.uint(0), writer.nil(), writer.nil(), writer.map(0); }),
             body_of([](MsgpackWriter& writer) { writer.array(4), writer.uint(0), writer.nil(), writer.nil(), writer.array(1), writer.array(1), writer.str("x"); }),
             body_of([](MsgpackWriter& writer) { writer.array(4), writer.uint(0), writer.nil(), writer.nil(), writer.array(1), writer.array(2), writer.str("\xff"), writer.bin({}); }),
             body_of([](MsgpackWriter& writer) {
                 writer.array(4), writer.uint(0), writer.nil(), writer.nil(), writer.array(limits::kMaxRecordHeaders + 1);
                 for (std::size_t i = 0; i <= limits::kMaxRecordHeaders; ++i) writer.array(2), writer.str("x"), writer.bin({});
             })})
        CHECK(walk(batch_of(bad)).code == ErrorCode::corrupt_batch);
    for (std::size_t size = 1; size < one.size(); ++size) CHECK(walk(batch_of(ByteView(one).first(size))).code == ErrorCode::corrupt_batch);
}

TEST_CASE("compressed bodies are held to the limits of what comes out of them", "[record_batch]") {
    const auto packed = [](std::size_t value_bytes) {
        const Buffer body = body_of([&](MsgpackWriter& writer) { writer.array(3), writer.uint(0), writer.nil(), writer.bin(Buffer(value_bytes)); });
        Buffer out;
        compress(Codec::zstd, body, out);
        return batch_of(out, 1, Codec::zstd);
    };
    CHECK(walk(packed(limits::kMaxRecordBytes - 16)).ok());
    CHECK(walk(packed(limits::kMaxRecordBytes)).code == ErrorCode::record_too_large);
    CHECK(walk(packed(limits::kMaxDecompressedBytes)).code == ErrorCode::record_too_large);
    CHECK(walk(batch_of(as_bytes("this is no zstd frame"), 1, Codec::zstd)).code == ErrorCode::corrupt_batch);
    CHECK(walk(batch_of(as_bytes("this is no lz4 frame"), 1, Codec::lz4)).code == ErrorCode::corrupt_batch);
}

TEST_CASE("a visit ends when the visitor says so", "[record_batch]") {
    int seen = 0;
    CHECK(for_each_record(sample_batch(Codec::zstd), [&](Offset, const RecordView&) { return ++seen < 2; }).ok());
    CHECK(seen == 2);
}

TEST_CASE("a builder knows its size, and compresses only what gets smaller", "[record_batch]") {
    BatchBuilder builder(Codec::zstd);
    CHECK(builder.size_bytes() == kBatchHeaderBytes);
    builder.add(5, {}, as_bytes("a"));
    const std::size_t size = builder.size_bytes();
    const Buffer batch = builder.finish();
    CHECK(batch.size() == size);
    CHECK(read_batch_header(batch)->codec == Codec::none);
}

TEST_CASE("a large batch that is summed up while it grows has the checksum of its bytes", "[record_batch]") {
    for (const Codec codec : {Codec::none, Codec::lz4}) {
        BatchBuilder builder(codec);
        for (int again = 0; again < 2; ++again) {
            Buffer value;
            for (std::size_t i = 0; i < 200; ++i) {
                value.push_back(static_cast<std::byte>(i * 31));
                builder.add(i, std::nullopt, ByteView(value));
                if (i == 100) builder.add(i, std::nullopt, ByteView(Buffer(30'000, std::byte{5})));
            }
            const Buffer batch = builder.finish();
            REQUIRE(check_batch(batch).ok());
            CHECK(check_batch(batch)->count == 201);
            builder.add(1, std::nullopt, ByteView(value));
            CHECK(check_batch(builder.finish()).ok());
        }
    }
}

TEST_CASE("random records come back as they were", "[record_batch]") {
    std::mt19937_64 random(11);
    const auto some_bytes = [&] { return std::string(random() % 5 == 0 ? random() % 70'000 : random() % 50, static_cast<char>(random() & 0x7F)); };
    for (int round = 0; round < 30; ++round) {
        const auto codec = static_cast<Codec>(random() % 3);
        BatchBuilder builder(codec);
        struct Sample {
            std::uint64_t timestamp_ms;
            std::optional<std::string> key, value;
            std::vector<std::string> headers;
        };
        std::vector<Sample> sent(1 + random() % 20);
        for (Sample& each : sent) {
            each.timestamp_ms = random() >> (random() % 64);
            if (random() % 3 != 0) each.key = some_bytes();
            if (random() % 3 != 0) each.value = some_bytes();
            for (std::uint64_t i = random() % 4; i > 0; --i) each.headers.push_back(some_bytes());
            std::vector<RecordHeader> headers;
            for (const std::string& header : each.headers) headers.push_back({header, as_bytes(header)});
            const auto view = [](const std::optional<std::string>& text) { return text ? std::optional(as_bytes(*text)) : std::nullopt; };
            builder.add(each.timestamp_ms, view(each.key), view(each.value), headers);
        }
        Buffer batch = builder.finish();
        stamp_batch(batch, Offset{1000}, 1, Epoch{1});
        REQUIRE(check_appended_batch(batch)->count == sent.size());
        std::size_t place = 0;
        REQUIRE(for_each_record(batch, [&](Offset offset, const RecordView& record) {
                    const Sample& expected = sent[place];
                    CHECK(offset == Offset{1000 + place++});
                    CHECK(record.timestamp_ms == expected.timestamp_ms);
                    CHECK(record.key.has_value() == expected.key.has_value());
                    CHECK((!record.key || as_text(*record.key) == *expected.key));
                    CHECK((!record.value || as_text(*record.value) == *expected.value));
                    CHECK(record.headers.size() == expected.headers.size());
                    for (std::size_t i = 0; i < record.headers.size(); ++i) CHECK((record.headers[i].name == expected.headers[i] && as_text(record.headers[i].value) == expected.headers[i]));
                    return true;
                }).ok());
        CHECK(place == sent.size());
    }
}
