#include "node/io/reply_ledger.h"

#include <catch2/catch.hpp>
#include <map>
#include <thread>

using namespace sedge::node;

namespace {

constexpr ReplyLedger::Limits kLimits{100'000, 200'000, 10'000};

struct TakenSoFar {
    std::map<std::string, std::size_t> bytes;
    std::function<void(const ConnectionId&, std::size_t)> sink() {
        return [this](const ConnectionId& from, std::size_t count) { bytes[from.value] += count; };
    }
};

}  // namespace

TEST_CASE("a receipt reports when its last copy goes, on whatever thread", "[reply_ledger]") {
    ReplyLedger ledger(kLimits);
    TakenSoFar taken;
    auto booking = ledger.book({"a"}, 5'000, 4'900, true, 0);
    REQUIRE(booking.accepted);
    REQUIRE(booking.receipt);
    auto copy = booking.receipt;
    booking.receipt.reset();
    ledger.collect(taken.sink());
    CHECK(taken.bytes.empty());
    std::thread([&] { copy.reset(); }).join();
    CHECK(ledger.has_news());
    ledger.collect(taken.sink());
    CHECK(taken.bytes["a"] == 4'900);
    CHECK(ledger.outstanding_bytes() == 0);
}

TEST_CASE("small answers share receipts", "[reply_ledger]") {
    ReplyLedger ledger(kLimits);
    TakenSoFar taken;
    std::size_t booked = 0, receipts = 0;
    for (int i = 0; i < 1'000; ++i) {
        const auto booking = ledger.book({"a"}, 40, 40, false, 0);
        REQUIRE(booking.accepted);
        booked += std::size_t{40};
        receipts += booking.receipt ? 1u : 0u;
        ledger.collect(taken.sink());
    }
    CHECK(receipts > 10);
    CHECK(receipts < 100);
    ledger.collect(taken.sink());
    CHECK(booked - taken.bytes["a"] < ReplyLedger::kUnreceiptedBytes);

    // What no receipt covers is given up once the client is idle.
    ledger.forget_idle(ReplyLedger::kForgetAfterMs - 1, taken.sink());
    CHECK(ledger.connections() == 1);
    ledger.forget_idle(ReplyLedger::kForgetAfterMs, taken.sink());
    CHECK(ledger.connections() == 0);
    CHECK(taken.bytes["a"] == booked);
    CHECK(ledger.outstanding_bytes() == 0);
}

TEST_CASE("who never reads is cut off, and leaves room for others", "[reply_ledger]") {
    ReplyLedger ledger(kLimits);
    std::vector<std::shared_ptr<void>> kept;
    const auto fill = [&](const std::string& name) -> std::size_t {
        std::size_t got = 0;
        while (true) {
            auto booking = ledger.book({name}, 1'000, 1'000, true, 0);
            if (!booking.accepted) return got;
            got += 1'000;
            kept.push_back(std::move(booking.receipt));
        }
    };
    CHECK(fill("a") <= kLimits.per_connection_bytes);
    CHECK(fill("b") >= 40'000);
    for (int i = 0; i < 100; ++i) CHECK(fill("hog" + std::to_string(i)) > 0);
    CHECK(ledger.book({"late"}, 50'000, 50'000, true, 0).accepted);  // one answer always fits
    const std::size_t outstanding = ledger.outstanding_bytes();
    kept.clear();
    TakenSoFar taken;
    ledger.collect(taken.sink());
    CHECK(ledger.outstanding_bytes() == 0);
    CHECK(outstanding > 0);
    CHECK(ledger.book({"a"}, 1'000, 1'000, true, 0).accepted);
}

TEST_CASE("receipts may outlive the ledger", "[reply_ledger]") {
    std::shared_ptr<void> receipt;
    {
        ReplyLedger ledger(kLimits);
        receipt = ledger.book({"a"}, 1, 1, true, 0).receipt;
    }
    receipt.reset();
}
