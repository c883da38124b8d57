#include "node/core/producer_table.h"

#include <catch2/catch.hpp>

using namespace sedge;
using namespace sedge::node;

namespace {

constexpr std::uint64_t kDayMs = 24ull * 3600 * 1000, kExpiryMs = 7 * kDayMs;

struct Fixture {
    ProducerTable table;
    Offset end;
    std::uint64_t now_ms = 1'000'000;
    std::size_t most = 100;

    BatchHeader batch(std::uint64_t id, std::uint32_t epoch, std::uint32_t sequence, std::uint32_t count = 1) const {
        BatchHeader header;
        header.producer_id = ProducerId{id};
        header.producer_epoch = epoch;
        header.base_sequence = sequence;
        header.count = count;
        header.base_offset = end;
        header.append_time_ms = now_ms;
        return header;
    }
    // ok: appended. `original` is set for a duplicate.
    ErrorCode produce(std::uint64_t id, std::uint32_t epoch, std::uint32_t sequence, std::uint32_t count = 1) {
        const BatchHeader header = batch(id, epoch, sequence, count);
        const Status status = table.check(header, original);
        if (!status.ok() || original) return status.code;
        table.on_append(header, most, kExpiryMs);
        end = header.end_offset();
        return ErrorCode::ok;
    }
    std::optional<ProducerTable::Batch> original;
};

}  // namespace

TEST_CASE("a sequence goes on without gaps", "[producer_table]") {
    Fixture f;
    CHECK(f.produce(1, 0, 0, 10) == ErrorCode::ok);
    CHECK(f.produce(1, 0, 10, 5) == ErrorCode::ok);
    CHECK(f.produce(1, 0, 16) == ErrorCode::out_of_order_sequence);
    CHECK(f.produce(1, 0, 14) == ErrorCode::out_of_order_sequence);
    CHECK(f.produce(1, 0, 15) == ErrorCode::ok);
}

TEST_CASE("the last five batches are recognised, with where they are", "[producer_table]") {
    Fixture f;
    for (std::uint32_t i = 0; i < 7; ++i) REQUIRE(f.produce(1, 0, 2 * i, 2) == ErrorCode::ok);
    for (std::uint32_t i = 2; i < 7; ++i) {
        CHECK(f.produce(1, 0, 2 * i, 2) == ErrorCode::ok);
        REQUIRE(f.original);
        CHECK(f.original->base_offset == Offset{2 * i});
    }
    CHECK(f.produce(1, 0, 2, 2) == ErrorCode::out_of_order_sequence);
    // The same place but another size is no retry.
    CHECK(f.produce(1, 0, 12, 1) == ErrorCode::out_of_order_sequence);
    CHECK(f.end == Offset{14});
}

TEST_CASE("the sequence wraps after 2^31 - 1", "[producer_table]") {
    Fixture f;
    REQUIRE(f.produce(1, 0, 0, 1u << 20) == ErrorCode::ok);
    // Straight to the end: a table as it would have been restored.
    ProducerTable near_end;
    ProducerTable::Producer producer{ProducerId{1}, 0, 0, 0, {}};
    producer.remember({kSequenceModulus - 10, 5, Offset{100}});
    REQUIRE(near_end.restore(producer));
    f.table = ProducerTable();
    REQUIRE(f.table.restore(producer));
    CHECK(f.produce(1, 0, kSequenceModulus - 5, 10) == ErrorCode::ok);
    CHECK(f.produce(1, 0, 5) == ErrorCode::ok);
    CHECK(f.produce(1, 0, kSequenceModulus - 5, 10) == ErrorCode::ok);
    CHECK(f.original);
    CHECK(f.produce(1, 0, 6) == ErrorCode::ok);
    CHECK(!f.original);
    CHECK(f.produce(1, 0, 0) == ErrorCode::out_of_order_sequence);
}

TEST_CASE("epochs fence", "[producer_table]") {
    Fixture f;
    CHECK(f.produce(1, 3, 0) == ErrorCode::ok);
    CHECK(f.produce(1, 3, 1) == ErrorCode::ok);
    CHECK(f.produce(1, 4, 2) == ErrorCode::out_of_order_sequence);
    CHECK(f.produce(1, 4, 0) == ErrorCode::ok);
    CHECK(!f.original);
    CHECK(f.produce(1, 3, 2) == ErrorCode::stale_producer_epoch);
    CHECK(f.produce(1, 4, 1) == ErrorCode::ok);
}

TEST_CASE("an unknown producer begins at 0", "[producer_table]") {
    Fixture f;
    CHECK(f.produce(1, 0, 1) == ErrorCode::unknown_producer);
    CHECK(f.produce(1, 9, 0) == ErrorCode::ok);
}

TEST_CASE("the producer idle for the longest makes room for a new one", "[producer_table]") {
    Fixture f;
    f.most = 3;
    for (const std::uint64_t id : {1u, 2u, 3u}) REQUIRE(f.produce(id, 0, 0) == ErrorCode::ok);
    REQUIRE(f.produce(1, 0, 1) == ErrorCode::ok);
    REQUIRE(f.produce(4, 0, 0) == ErrorCode::ok);
    CHECK(f.table.size() == 3);
    CHECK(f.produce(2, 0, 1) == ErrorCode::unknown_producer);
    CHECK(f.produce(1, 0, 2) == ErrorCode::ok);
    f.most = 0;
    CHECK(f.produce(1, 0, 3) == ErrorCode::ok);  // never the one that is appending
    CHECK(f.table.size() == 1);
}

TEST_CASE("idle producers expire, but not by a clock that was set", "[producer_table]") {
    Fixture f;
    REQUIRE(f.produce(1, 0, 0) == ErrorCode::ok);
    REQUIRE(f.produce(2, 0, 0) == ErrorCode::ok);
    f.now_ms += 50 * 365 * kDayMs;
    REQUIRE(f.produce(1, 0, 1) == ErrorCode::ok);
    CHECK(f.table.find(ProducerId{2}) != nullptr);
    f.now_ms -= 10 * 365 * kDayMs;
    std::uint32_t sequence = 2;
    for (std::uint64_t hours = 0; hours < 7 * 24 - 1; ++hours) {
        f.now_ms += 3600 * 1000;
        REQUIRE(f.produce(1, 0, sequence++) == ErrorCode::ok);
    }
    CHECK(f.table.find(ProducerId{2}) != nullptr);
    for (int i = 0; i < 2; ++i) {
        f.now_ms += 3600 * 1000;
        REQUIRE(f.produce(1, 0, sequence++) == ErrorCode::ok);
    }
    CHECK(f.table.find(ProducerId{2}) == nullptr);
}

TEST_CASE("a producer that makes no sense is not restored", "[producer_table]") {
    ProducerTable table;
    const auto producer = [](std::uint64_t id, std::uint64_t used_ms, std::uint32_t sequence, std::uint32_t count) {
        ProducerTable::Producer each{ProducerId{id}, 0, used_ms, 0, {}};
        each.remember({sequence, count, Offset{0}});
        return each;
    };
    CHECK(table.restore(producer(1, 10, 0, 1)));
    CHECK(!table.restore(producer(1, 10, 0, 1)));
    CHECK(!table.restore(producer(0, 10, 0, 1)));
    CHECK(!table.restore(producer(2, 9, 0, 1)));
    CHECK(!table.restore(producer(2, 10, kSequenceModulus, 1)));
    CHECK(!table.restore(producer(2, 10, 0, 0)));
    CHECK(!table.restore(ProducerTable::Producer{ProducerId{3}, 0, 10, 0, {}}));
    CHECK(table.restore(producer(2, 10, 0, 1)));
    CHECK(table.size() == 2);
}
