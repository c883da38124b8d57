#include "node/io/segment_index.h"

#include <sys/mman.h>

#include <catch2/catch.hpp>

#include "schema/record_batch.h"

using namespace sedge;
using namespace sedge::node;

namespace {

constexpr std::uint64_t kNonce = 99, kAt = 4096;
const PartitionId kFirst{TopicId{{1}}, PartitionIndex{0}}, kSecond{TopicId{{1}}, PartitionIndex{1}}, kThird{TopicId{{2}}, PartitionIndex{0}};

void add(SegmentIndexBuilder& index, const PartitionId& partition, std::uint64_t base, std::uint32_t records, std::uint64_t at) {
    BatchHeader batch;
    batch.base_offset = Offset{base};
    batch.count = records;
    batch.max_timestamp_ms = base;
    index.add(partition, batch, at, 100);
}

SegmentIndexBuilder sample() {
    SegmentIndexBuilder index;
    for (std::uint64_t i = 0; i < 20; ++i) {
        add(index, kFirst, i * 2, 2, i * 1000);
        add(index, kThird, 100 + i, 1, i * 1000 + 100);
    }
    add(index, kThird, 120, 1, 19'200);  // follows directly: the same run
    return index;
}

File file_with(ByteView block) {
    File file(::memfd_create("index", MFD_CLOEXEC));
    REQUIRE(file.write_at(kAt, block) == 0);
    return file;
}

}  // namespace

TEST_CASE("an index on the disk answers as the one in memory", "[segment_index]") {
    const SegmentIndexBuilder built = sample();
    const Buffer block = built.encode(kNonce);
    const File file = file_with(block);
    for (const auto& index : {SegmentIndex::open(file, kAt, kNonce), SegmentIndex::in_memory(block, kNonce)}) {
        REQUIRE(index != nullptr);
        CHECK(index->spans().size() == 2);
        CHECK(index->find(kSecond) == nullptr);
        REQUIRE(index->find(kThird) != nullptr);
        CHECK(index->find(kThird)->end == Offset{121});
        for (const PartitionId& partition : {kFirst, kSecond, kThird}) {
            for (std::uint64_t offset = 0; offset < 130; ++offset) {
                const auto expected = built.runs_from(partition, Offset{offset}, 3);
                const auto got = index->runs_from(file, partition, Offset{offset}, 3);
                REQUIRE(got.outcome == SegmentIndex::Outcome::good);
                REQUIRE(got.runs.size() == expected.size());
                for (std::size_t i = 0; i < expected.size(); ++i) CHECK(got.runs[i].position == expected[i].position);
            }
        }
    }
}

TEST_CASE("an index of another segment, or damaged anywhere, is not believed", "[segment_index]") {
    const Buffer block = sample().encode(kNonce);
    CHECK(SegmentIndex::open(file_with(block), kAt, kNonce + 1) == nullptr);
    for (std::size_t at = 0; at < block.size(); ++at) {
        Buffer damaged = block;
        damaged[at] ^= std::byte{16};
        const File file = file_with(damaged);
        const auto index = SegmentIndex::open(file, kAt, kNonce);
        if (index == nullptr) continue;
        // Then it is one of the runs, which say so themselves.
        bool noticed = false;
        for (const IndexSpan& span : index->spans())
            noticed = noticed || index->runs_from(file, span.partition, span.first, 100).outcome == SegmentIndex::Outcome::damaged;
        CHECK(noticed);
    }
}

TEST_CASE("an index that is cut off is damaged, not short", "[segment_index]") {
    const Buffer block = sample().encode(kNonce);
    const File file = file_with(ByteView(block).first(block.size() - 1));
    const auto index = SegmentIndex::open(file, kAt, kNonce);
    REQUIRE(index != nullptr);
    CHECK(index->runs_from(file, kThird, Offset{0}, 100).outcome == SegmentIndex::Outcome::damaged);
}

TEST_CASE("where records overlap, those stored last count", "[segment_index]") {
    SegmentIndexBuilder index;
    add(index, kFirst, 0, 10, 0);
    add(index, kFirst, 10, 10, 5000);
    add(index, kFirst, 8, 4, 9000);
    const auto runs = index.runs_from(kFirst, Offset{0}, 10);
    REQUIRE(runs.size() == 2);
    CHECK(runs[0].end == Offset{8});
    CHECK(runs[1].position == 9000);
    CHECK(index.find(kFirst)->end == Offset{20});
}
