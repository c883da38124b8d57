#include "client/partition_sender.h"

#include <catch2/catch.hpp>
#include <map>

namespace sedge {
namespace {

constexpr std::uint64_t kFarAway = 1'000'000;

// A sender whose transmissions and reports are noted.
struct Sender {
    struct Sent {
        std::uint64_t attempt;
        std::uint32_t epoch;
        std::uint32_t sequence;
        std::string value;
    };
    std::vector<Sent> sent;
    std::vector<std::pair<std::string, ErrorCode>> reports;  // by the batch's first record
    std::map<std::string, bool> maybe_stored;
    std::uint64_t now = 1'000;
    PartitionSender sender;

    explicit Sender(std::uint64_t producer_id = 7)
        : sender({ProducerId{producer_id}, 5, 20, 1'000},
                 [this](const OutgoingBatch& batch, std::uint64_t attempt) {
                     const auto header = check_batch(batch.bytes.view());
                     REQUIRE(header.ok());
                     sent.push_back({attempt, header->producer_epoch, header->base_sequence, first_value(batch)});
                 },
                 [this](OutgoingBatch& batch, const Status& status, const ProduceResponse*) {
                     reports.emplace_back(first_value(batch), status.code);
                     maybe_stored[first_value(batch)] = batch.maybe_stored;
                 }) {}

    static std::string first_value(const OutgoingBatch& batch) {
        std::string value;
        REQUIRE(for_each_record(batch.bytes.view(), [&](Offset, RecordView& record) {
                    value = as_text(*record.value);
                    return false;
                }).ok());
        return value;
    }

    void send(const std::string& value, std::uint64_t deadline_ms = kFarAway, std::size_t records = 1) {
        auto batch = std::make_unique<OutgoingBatch>(Codec::none);
        for (std::size_t i = 0; i < records; ++i) {
            batch->builder.add(0, std::nullopt, as_bytes(value));
            batch->reports.push_back({});
        }
        batch->deadline_ms = deadline_ms;
        REQUIRE(sender.has_room());
        sender.send(std::move(batch));
    }
    void stored(std::size_t index) {
        const ProduceResponse response;
        sender.on_answer(now, sent[index].attempt, {}, false, &response);
    }
    void refused(std::size_t index, ErrorCode code) { sender.on_answer(now, sent[index].attempt, {code, "no"}, false, nullptr); }
    void lost(std::size_t index) { sender.on_answer(now, sent[index].attempt, {ErrorCode::unreachable, "gone"}, true, nullptr); }
    void work_later() {
        now += 2'000;
        sender.work(now);
    }
};

TEST_CASE("sequences count records and run on over batches", "[partition_sender]") {
    Sender s;
    s.send("a", kFarAway, 3);
    s.send("b", kFarAway, 2);
    s.send("c");
    CHECK(s.sent[0].sequence == 0);
    CHECK(s.sent[1].sequence == 3);
    CHECK(s.sent[2].sequence == 5);
    s.send("d");
    s.send("e");
    CHECK_FALSE(s.sender.has_room());
    s.stored(0);
    CHECK(s.sender.has_room());
}

TEST_CASE("nothing runs further ahead of an open batch than a node remembers", "[partition_sender]") {
    Sender s;
    for (const auto* value : {"a", "b", "c", "d", "e"}) s.send(value);
    for (std::size_t i = 1; i < 5; ++i) s.stored(i);
    CHECK_FALSE(s.sender.has_room());  // a is open, and e is as far as its node remembers
    s.stored(0);
    CHECK(s.sender.has_room());
}

TEST_CASE("a lost connection sends all again in order with the same numbers", "[partition_sender]") {
    Sender s;
    s.send("a");
    s.send("b");
    s.send("c");
    s.stored(0);
    s.lost(1);
    CHECK_FALSE(s.sender.has_room());
    s.work_later();
    CHECK(s.sent.size() == 3);  // c's answer is still out
    s.lost(2);
    s.work_later();
    REQUIRE(s.sent.size() == 5);
    CHECK(s.sent[3].value == "b");
    CHECK(s.sent[3].sequence == 1);
    CHECK(s.sent[3].epoch == 0);
    CHECK(s.sent[4].value == "c");
    CHECK(s.sent[4].sequence == 2);
    s.stored(3);
    s.stored(4);
    CHECK(s.reports == std::vector<std::pair<std::string, ErrorCode>>{{"a", ErrorCode::ok}, {"b", ErrorCode::ok}, {"c", ErrorCode::ok}});
}

TEST_CASE("a busy node's refusal drags those behind along, and all are sent again", "[partition_sender]") {
    Sender s;
    s.send("a");
    s.send("b");
    s.refused(0, ErrorCode::busy);
    s.refused(1, ErrorCode::out_of_order_sequence);
    CHECK(s.sender.work(s.now) > s.now);  // a pause first
    CHECK(s.sent.size() == 2);
    s.work_later();
    REQUIRE(s.sent.size() == 4);
    CHECK(s.sent[2].value == "a");
    CHECK(s.sent[3].value == "b");
    CHECK(s.sent[3].epoch == 0);
}

TEST_CASE("a batch refused for good is reported, and what follows is numbered anew", "[partition_sender]") {
    Sender s;
    s.send("a");
    s.send("b");
    s.send("c");
    s.refused(1, ErrorCode::record_too_large);
    s.refused(2, ErrorCode::out_of_order_sequence);
    CHECK(s.reports.back() == std::pair<std::string, ErrorCode>{"b", ErrorCode::record_too_large});
    // a is before the gap: it keeps its number even if its answer is lost.
    s.lost(0);
    s.work_later();
    REQUIRE(s.sent.size() == 4);
    CHECK(s.sent[3].value == "a");
    CHECK(s.sent[3].epoch == 0);
    s.stored(3);
    s.work_later();
    REQUIRE(s.sent.size() == 5);
    CHECK(s.sent[4].value == "c");
    CHECK(s.sent[4].epoch == 1);
    CHECK(s.sent[4].sequence == 0);
    s.stored(4);
    s.send("d");
    CHECK(s.sent[5].epoch == 1);
    CHECK(s.sent[5].sequence == 1);
}

TEST_CASE("a forgotten producer begins a new epoch when nothing can be stored twice", "[partition_sender]") {
    Sender s;
    s.send("a");
    s.stored(0);
    s.send("b");
    s.refused(1, ErrorCode::unknown_producer);
    s.work_later();
    REQUIRE(s.sent.size() == 3);
    CHECK(s.sent[2].value == "b");
    CHECK(s.sent[2].epoch == 1);
    CHECK(s.sent[2].sequence == 0);
}

TEST_CASE("a forgotten producer's batch with a lost answer is given up, not sent under a new number", "[partition_sender]") {
    Sender s;
    s.send("a");
    s.stored(0);
    s.send("b");
    s.send("c");
    s.lost(1);
    s.lost(2);
    s.work_later();
    s.refused(3, ErrorCode::unknown_producer);
    s.refused(4, ErrorCode::unknown_producer);
    s.work_later();
    CHECK(s.sent.size() == 5);
    REQUIRE(s.reports.size() == 3);
    CHECK(s.reports[1].first == "b");
    CHECK(s.reports[1].second == ErrorCode::unknown_producer);
    CHECK(s.reports[2].first == "c");
    CHECK(s.maybe_stored["b"]);
    CHECK(s.maybe_stored["c"]);
}

TEST_CASE("a node that lost the tail of a log gets the rest under new numbers", "[partition_sender]") {
    Sender s;
    s.send("a");
    s.send("b");
    s.stored(0);  // and then lost, as durability=os allows
    s.lost(1);
    s.work_later();
    s.refused(2, ErrorCode::out_of_order_sequence);
    s.work_later();
    REQUIRE(s.sent.size() == 4);
    CHECK(s.sent[3].value == "b");
    CHECK(s.sent[3].epoch == 1);
    CHECK(s.sent[3].sequence == 0);
}

TEST_CASE("what is overdue is given up, with what may be stored behind it", "[partition_sender]") {
    Sender s;
    s.send("a", 2'000);
    s.send("b");
    s.send("c");
    s.lost(0);
    s.lost(1);
    s.refused(2, ErrorCode::busy);
    s.work_later();  // past a's deadline
    REQUIRE(s.reports.size() == 2);
    CHECK(s.reports[0] == std::pair<std::string, ErrorCode>{"a", ErrorCode::timed_out});
    CHECK(s.reports[1] == std::pair<std::string, ErrorCode>{"b", ErrorCode::timed_out});
    REQUIRE(s.sent.size() == 4);
    CHECK(s.sent[3].value == "c");
    CHECK(s.sent[3].epoch == 1);
}

TEST_CASE("without numbers one batch is in flight", "[partition_sender]") {
    Sender s(0);
    s.send("a");
    CHECK_FALSE(s.sender.has_room());
    s.lost(0);
    s.work_later();
    REQUIRE(s.sent.size() == 2);
    s.stored(1);
    CHECK(s.sender.has_room());
}

TEST_CASE("abandoning reports everything", "[partition_sender]") {
    Sender s;
    s.send("a");
    s.send("b");
    s.sender.abandon({ErrorCode::shutting_down, "closed"});
    CHECK(s.reports.size() == 2);
    CHECK(s.sender.idle());
    s.stored(0);  // too late
    CHECK(s.reports.size() == 2);
}

}  // namespace
}  // namespace sedge
