#include "node/core/coalescer.h"

#include <catch2/catch.hpp>

#include <map>

#include "node/core/byte_pool.h"
#include "node/core/catalogue.h"

using namespace sedge;
using namespace sedge::node;

namespace {

struct Fixture {
    Catalogue catalogue;
    Topic& topic = catalogue.add({TopicId{}, "t", 3, 1, {}});
    Coalescer coalescer;
    Partition& partition(std::uint32_t index) { return *topic.partition(PartitionIndex{index}); }
};

Coalescer::Record record(std::string_view value, std::uint64_t timestamp_ms = 0) {
    return {timestamp_ms, std::nullopt, as_bytes(value), nullptr};
}

}  // namespace

TEST_CASE("the size of a first record is exact", "[coalescer]") {
    Fixture f;
    for (const std::size_t key_size : {0u, 1u, 255u, 256u, 65'535u, 65'536u}) {
        for (const std::size_t headers_count : {0u, 1u, 15u, 16u, 64u}) {
            const std::string key(key_size, 'k'), name(headers_count * 3, 'n'), value(key_size, 'h');
            const std::vector<RecordHeader> headers(headers_count, {name, as_bytes(value)});
            Coalescer::Record each{7, as_bytes(key), std::nullopt, headers_count == 0 ? nullptr : &headers};
            f.coalescer.add(f.topic, f.partition(0), each);
            std::size_t size = 0;
            f.coalescer.close_all([&](Topic&, Partition&, Buffer batch) { size = batch.size(); });
            CHECK(size == kBatchHeaderBytes + Coalescer::size_bytes(each));
        }
    }
}

TEST_CASE("a batch with room never grows beyond its limit, whatever the times are", "[coalescer]") {
    Fixture f;
    constexpr std::size_t kMaxBytes = 1024;
    std::uint64_t time_ms = 1;
    f.coalescer.add(f.topic, f.partition(0), record("first"));
    while (f.coalescer.has_room(f.partition(0), Coalescer::size_bytes(record("next")), kMaxBytes)) {
        f.coalescer.add(f.topic, f.partition(0), record("next", time_ms));
        time_ms = time_ms * 7 + 1;
    }
    f.coalescer.close(f.partition(0), [&](Topic&, Partition&, Buffer batch) {
        CHECK(batch.size() <= kMaxBytes);
        CHECK(batch.size() > kMaxBytes - 40);
        CHECK(check_batch(batch).ok());
    });
    CHECK(!f.coalescer.is_open(f.partition(0)));
}

TEST_CASE("batches close in the order in which their partitions were first written to", "[coalescer]") {
    Fixture f;
    CHECK(f.coalescer.empty());
    for (const std::uint32_t index : {2u, 0u, 2u, 1u, 0u}) f.coalescer.add(f.topic, f.partition(index), record("v"));
    std::vector<std::pair<std::uint32_t, std::uint32_t>> closed;
    const auto note = [&](Topic&, Partition& partition, Buffer batch) {
        closed.emplace_back(partition.id.partition.value, read_batch_header(batch)->count);
    };
    f.coalescer.close(f.partition(0), note);
    f.coalescer.close(f.partition(0), note);
    f.coalescer.add(f.topic, f.partition(0), record("again"));
    f.coalescer.close_all(note);
    CHECK(closed == std::vector<std::pair<std::uint32_t, std::uint32_t>>{{0, 2}, {2, 2}, {0, 1}, {1, 1}});
    CHECK(f.coalescer.empty());
    f.coalescer.close_all(note);
    CHECK(closed.size() == 4);
}

TEST_CASE("many partitions at once", "[coalescer]") {
    Catalogue catalogue;
    Topic& topic = catalogue.add({TopicId{}, "t", 1000, 1, {}});
    Coalescer coalescer;
    for (int turn = 0; turn < 3; ++turn) {
        for (const auto& partition : topic.partitions) coalescer.add(topic, *partition, record("v"));
        std::size_t closed = 0;
        coalescer.close_all([&](Topic&, Partition&, Buffer) { ++closed; });
        CHECK(closed == 1000);
    }
}

TEST_CASE("small batches share chunks and keep their bytes", "[coalescer]") {
    BytePool pool;
    std::vector<std::pair<SharedBytes, std::string>> copies;
    for (std::size_t i = 0; i < 1000; ++i) {
        const std::string text(i * 37 % BytePool::kLargestBytes + 1, static_cast<char>('a' + i % 26));
        copies.emplace_back(pool.copy(as_bytes(text)), text);
    }
    for (const auto& [bytes, text] : copies) CHECK(as_text(bytes.view()) == text);
    CHECK(copies[0].first.owner() == copies[1].first.owner());
}
