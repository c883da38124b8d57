#include "node/core/checkpoint.h"

#include <catch2/catch.hpp>

#include "node/core/random.h"
#include "schema/crc32c.h"
#include "schema/little_endian.h"

using namespace sedge;
using namespace sedge::node;

namespace {

TopicId topic_id(std::uint8_t number) {
    TopicId id;
    id.bytes.fill(number);
    return id;
}

// Topics with partitions that have seen some batches.
void fill(Catalogue& catalogue, std::uint64_t seed) {
    Random random(seed);
    std::size_t known_producers = 0;
    for (std::uint8_t i = 1; i <= 5; ++i) {
        TopicDescription description{topic_id(i), "topic-" + std::to_string(i), i, 1, {}};
        description.config.retention_bytes = 1u << 20;
        Topic& topic = catalogue.add(description);
        for (const auto& partition : topic.partitions) {
            for (std::uint64_t n = random.below(200); n > 0; --n) {
                BatchHeader batch;
                batch.base_offset = partition->end;
                batch.count = static_cast<std::uint32_t>(1 + random.below(10));
                batch.size_bytes = static_cast<std::uint32_t>(100 + random.below(20'000));
                batch.append_time_ms = 1'000'000 + random.below(1'000'000);
                batch.epoch = Epoch{7};
                batch.producer_id = ProducerId{random.below(20)};
                partition->on_append(batch, topic.retention(), {10, 1000, 1'000'000}, known_producers);
            }
            partition->high_watermark = partition->end;
            partition->move_start(Offset{random.below(partition->end.value + 1)});
        }
    }
}

Buffer resealed(Buffer bytes) {
    store_le<std::uint32_t>(bytes, 8, crc32c(ByteView(bytes).subspan(12)));
    return bytes;
}

}  // namespace

TEST_CASE("a checkpoint brings everything back", "[checkpoint]") {
    Catalogue before, after;
    fill(before, GENERATE(1u, 2u, 3u));
    const Buffer bytes = encode_checkpoint(before);
    REQUIRE(decode_checkpoint(bytes, after) == Status{});
    REQUIRE(after.size() == before.size());
    CHECK(after.partitions() == before.partitions());
    for (const auto& [name, topic] : before.topics()) {
        Topic* restored = after.find(name);
        REQUIRE(restored != nullptr);
        CHECK(restored->description == topic->description);
        for (const auto& partition : topic->partitions) {
            const Partition* other = restored->partition(partition->id.partition);
            CHECK(other->start == partition->start);
            CHECK(other->end == partition->end);
            CHECK(other->high_watermark == partition->end);
            CHECK(other->last_epoch == partition->last_epoch);
            CHECK(other->retention == partition->retention);
            CHECK(other->producers.clock() == partition->producers.clock());
            CHECK(other->producers.producers() == partition->producers.producers());
        }
    }
    CHECK(encode_checkpoint(after) == bytes);
}

TEST_CASE("an empty node has a checkpoint too", "[checkpoint]") {
    const Catalogue before;
    Catalogue after;
    CHECK(decode_checkpoint(encode_checkpoint(before), after) == Status{});
    CHECK(after.size() == 0);
}

TEST_CASE("damaged checkpoints are errors and leave nothing behind", "[checkpoint]") {
    Catalogue before;
    fill(before, 4);
    const Buffer good = encode_checkpoint(before);
    Random random(5);
    for (int i = 0; i < 3000; ++i) {
        Buffer bad = good;
        bool sealed = random.chance(70);  // with a right checksum the decoder itself has to see it, or to survive it
        switch (random.below(3)) {
            case 0: bad.resize(random.below(bad.size())); break;
            case 1: bad[random.below(bad.size())] ^= static_cast<std::byte>(1 + random.below(255)); break;
            default: bad.insert(bad.begin() + static_cast<std::ptrdiff_t>(random.below(bad.size())), std::byte{0xdd}); break;
        }
        if (bad.size() < 12) sealed = false;
        Catalogue after;
        const Status status = decode_checkpoint(sealed ? resealed(bad) : bad, after);
        if (!sealed) REQUIRE(status.code == ErrorCode::storage_failed);
        if (!status.ok()) REQUIRE(after.size() == 0);
    }
}

TEST_CASE("a later version is named, not guessed at", "[checkpoint]") {
    Buffer bytes = encode_checkpoint(Catalogue());
    store_le<std::uint16_t>(bytes, 4, 2);
    Catalogue after;
    const Status status = decode_checkpoint(bytes, after);
    CHECK(status.code == ErrorCode::storage_failed);
    CHECK(status.message.find("version") != std::string::npos);
}
