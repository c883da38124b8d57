#include "schema/record_batch.h"

#include <catch2/catch.hpp>

#include "schema/limits.h"

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
