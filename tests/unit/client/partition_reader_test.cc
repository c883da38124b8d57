#include "client/partition_reader.h"

#include <catch2/catch.hpp>

namespace sedge {
namespace {

constexpr std::uint64_t kNow = 1'000;

FetchedBatch batch_at(std::uint64_t base, std::uint32_t count) {
    FetchedBatch batch;
    batch.header.base_offset = Offset{base};
    batch.header.count = count;
    return batch;
}

FetchAnswer records(std::uint64_t end, std::vector<FetchedBatch> batches) {
    FetchAnswer answer;
    answer.end = Offset{end};
    answer.batches = std::move(batches);
    return answer;
}

FetchAnswer failure(ErrorCode code, std::optional<Offset> next = {}) {
    FetchAnswer answer;
    answer.status = {code, "no"};
    answer.next_offset = next;
    return answer;
}

TEST_CASE("answers join on, and the part that was asked for is handed over", "[partition_reader]") {
    PartitionReader reader(Offset{5});
    PartitionReader::Output out;
    const auto fetch = reader.next_fetch(kNow);
    REQUIRE(fetch);
    CHECK(fetch->offset == Offset{5});
    CHECK_FALSE(reader.next_fetch(kNow));
    reader.on_answer(kNow, fetch->id, records(20, {batch_at(0, 3), batch_at(3, 7), batch_at(10, 10)}), out);
    REQUIRE(out.batches.size() == 2);
    CHECK(out.batches[0].from == Offset{5});
    CHECK(out.batches[1].from == Offset{10});
    CHECK(reader.next_offset() == Offset{20});
    CHECK(out.problems.empty());
}

// A reader that has seen two answers of ten records each, and so guesses.
struct Guessing {
    PartitionReader reader{Offset{0}};
    PartitionReader::Output out;
    PartitionReader::Fetch first;
    PartitionReader::Fetch second;

    Guessing() {
        for (std::uint64_t base : {0u, 10u}) {
            const auto fetch = reader.next_fetch(kNow);
            REQUIRE(fetch);
            reader.on_answer(kNow, fetch->id, records(1'000, {batch_at(base, 10)}), out);
        }
        const auto one = reader.next_fetch(kNow);
        const auto two = reader.next_fetch(kNow);
        REQUIRE(one);
        REQUIRE(two);
        CHECK_FALSE(reader.next_fetch(kNow));
        first = *one;
        second = *two;
        CHECK(first.offset == Offset{20});
        CHECK(second.offset == Offset{30});
        out = {};
    }
};

TEST_CASE("a right guess counts as it is, in whatever order the answers come", "[partition_reader]") {
    Guessing g;
    g.reader.on_answer(kNow, g.second.id, records(1'000, {batch_at(30, 10)}), g.out);
    CHECK(g.out.batches.empty());
    g.reader.on_answer(kNow, g.first.id, records(1'000, {batch_at(20, 10)}), g.out);
    CHECK(g.out.batches.size() == 2);
    CHECK(g.reader.next_offset() == Offset{40});
}

TEST_CASE("a guess that was too far is fetched again; nothing is skipped", "[partition_reader]") {
    Guessing g;
    g.reader.on_answer(kNow, g.first.id, records(1'000, {batch_at(20, 4)}), g.out);
    g.reader.on_answer(kNow, g.second.id, records(1'000, {batch_at(30, 10)}), g.out);
    REQUIRE(g.out.batches.size() == 1);
    CHECK(g.reader.next_offset() == Offset{24});
    const auto next = g.reader.next_fetch(kNow);
    REQUIRE(next);
    CHECK(next->offset == Offset{24});
    CHECK_FALSE(g.reader.next_fetch(kNow));  // no guesses for a while
}

TEST_CASE("a guess that was too near repeats nothing", "[partition_reader]") {
    Guessing g;
    g.reader.on_answer(kNow, g.first.id, records(1'000, {batch_at(20, 15)}), g.out);
    g.reader.on_answer(kNow, g.second.id, records(1'000, {batch_at(20, 15), batch_at(35, 5)}), g.out);
    REQUIRE(g.out.batches.size() == 2);
    CHECK(g.out.batches[1].from == Offset{35});
    CHECK(g.reader.next_offset() == Offset{40});
}

TEST_CASE("a guess that the node has no memory for costs no pause", "[partition_reader]") {
    Guessing g;
    g.reader.on_answer(kNow, g.second.id, failure(ErrorCode::busy), g.out);
    g.reader.on_answer(kNow, g.first.id, records(1'000, {batch_at(20, 10)}), g.out);
    const auto again = g.reader.next_fetch(kNow);
    REQUIRE(again);
    CHECK(again->offset == Offset{30});
    CHECK_FALSE(g.reader.next_fetch(kNow));
}

TEST_CASE("a lost fetch is repeated, and the guess behind it forgotten", "[partition_reader]") {
    Guessing g;
    g.reader.on_answer(kNow, g.first.id, failure(ErrorCode::unreachable), g.out);
    g.reader.on_answer(kNow, g.second.id, records(1'000, {batch_at(30, 10)}), g.out);
    CHECK(g.out.batches.empty());
    CHECK_FALSE(g.reader.next_fetch(kNow));  // a pause
    CHECK(g.reader.resumes_ms() > kNow);
    const auto again = g.reader.next_fetch(kNow + 2'000);
    REQUIRE(again);
    CHECK(again->offset == Offset{20});
}

TEST_CASE("damaged and removed records are reported, and reading goes on behind them", "[partition_reader]") {
    const auto code = GENERATE(ErrorCode::damaged, ErrorCode::offset_out_of_range);
    PartitionReader reader(Offset{5});
    PartitionReader::Output out;
    const auto fetch = reader.next_fetch(kNow);
    reader.on_answer(kNow, fetch->id, failure(code, Offset{9}), out);
    REQUIRE(out.problems.size() == 1);
    CHECK(out.problems[0].from == Offset{5});
    CHECK(out.problems[0].to == Offset{9});
    CHECK_FALSE(out.problems[0].stopped);
    CHECK(reader.next_fetch(kNow)->offset == Offset{9});
}

TEST_CASE("a hole in an answer is reported", "[partition_reader]") {
    PartitionReader reader(Offset{0});
    PartitionReader::Output out;
    reader.on_answer(kNow, reader.next_fetch(kNow)->id, records(30, {batch_at(0, 10), batch_at(20, 10)}), out);
    REQUIRE(out.problems.size() == 1);
    CHECK(out.problems[0].from == Offset{10});
    CHECK(out.problems[0].to == Offset{20});
    CHECK(reader.next_offset() == Offset{30});
}

TEST_CASE("beyond the end, and with an unknown topic, reading stops and says so", "[partition_reader]") {
    const auto answer = GENERATE(failure(ErrorCode::offset_out_of_range, Offset{0}), failure(ErrorCode::unknown_topic));
    PartitionReader reader(Offset{50});
    PartitionReader::Output out;
    reader.on_answer(kNow, reader.next_fetch(kNow)->id, answer, out);
    REQUIRE(out.problems.size() == 1);
    CHECK(out.problems[0].stopped);
    CHECK(reader.stopped());
    CHECK_FALSE(reader.next_fetch(kNow + 100'000));
}

TEST_CASE("a batch that stays damaged on the way stops the reader after some tries", "[partition_reader]") {
    PartitionReader reader(Offset{0});
    PartitionReader::Output out;
    std::uint64_t now = kNow;
    int tries = 0;
    while (const auto fetch = reader.next_fetch(now += 10'000)) {
        auto answer = failure(ErrorCode::corrupt_batch);
        if (tries++ == 0) answer.batches = {batch_at(0, 3)};  // what was before the bad batch counts
        reader.on_answer(now, fetch->id, std::move(answer), out);
    }
    CHECK(tries > 1);
    CHECK(tries < 10);
    CHECK(out.batches.size() == 1);
    CHECK(reader.next_offset() == Offset{3});
    REQUIRE(out.problems.size() == 1);
    CHECK(out.problems[0].stopped);
}

}  // namespace
}  // namespace sedge
