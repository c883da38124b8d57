#include "node/core/segment_budget.h"

#include <catch2/catch.hpp>

using namespace sedge;
using namespace sedge::node;

namespace {

constexpr std::uint64_t kSegmentBytes = 1u << 20, kReserveBytes = 64u << 10;

JournalWrite write_of(std::vector<std::size_t> payloads) {
    JournalWrite write;
    for (const std::size_t size : payloads) write.entries.push_back({EntryType::batch, {}, {}, SharedBytes::take(Buffer(size))});
    return write;
}

}  // namespace

TEST_CASE("a write costs its headers, rounded up to pages, and a page for the tree at least", "[segment_budget]") {
    for (const std::size_t size : {0u, 1u, 4000u, 4096u, 100'000u}) {
        const std::uint64_t cost = journal_cost(write_of({size}));
        CHECK(cost % kJournalPageBytes == 0);
        CHECK(cost >= size + kJournalValueHeaderBytes + kJournalEntryHeaderBytes + kJournalPageBytes);
        CHECK(cost <= size + 4 * kJournalPageBytes);
        CHECK(cost == journal_cost_of(journal_entry_bytes(size)));
    }
    CHECK(journal_cost(write_of({10, 20})) == journal_cost_of(journal_entry_bytes(10) + journal_entry_bytes(20)));
}

TEST_CASE("what fits never makes a segment larger than it is", "[segment_budget]") {
    const std::size_t size = GENERATE(1u, 100u, 4000u, 30'000u);
    SegmentBudget budget(kSegmentBytes, kReserveBytes);
    budget.on_roll(0);
    std::uint64_t used = 0;
    while (budget.fits(SegmentBudget::entry_bytes(size), false)) {
        const JournalWrite write = write_of({size});
        budget.on_write(write);
        used += journal_cost(write);
    }
    CHECK(used <= kSegmentBytes - kReserveBytes);
    CHECK(used == budget.used_bytes());
    CHECK(budget.is_low(0));
    // The reserve is for what gives room back.
    std::size_t deletions = 0;
    while (budget.fits(SegmentBudget::entry_bytes(0), true)) {
        budget.on_write(write_of({0}));
        ++deletions;
    }
    CHECK(deletions >= 4);
    CHECK(budget.used_bytes() <= kSegmentBytes);
}

TEST_CASE("before the first roll nothing fits, and a roll takes the segment that was ready", "[segment_budget]") {
    SegmentBudget budget(kSegmentBytes, kReserveBytes);
    CHECK(!budget.is_open());
    CHECK(!budget.fits(0, true));
    budget.on_room({true, false});
    CHECK(budget.can_roll());
    budget.on_roll(100);
    CHECK(!budget.can_roll());
    CHECK(budget.fits(0, false));
    CHECK(!budget.has_records());
    budget.on_record();
    CHECK(budget.has_records());
    CHECK(!budget.is_older_than(50, 149));
    CHECK(budget.is_older_than(50, 150));
    budget.on_room({false, true});
    CHECK(budget.disk_full());
    budget.on_room({true, true});
    CHECK(!budget.disk_full());
}

TEST_CASE("an entry that leaves no half of a segment to the checkpoint is not storable", "[segment_budget]") {
    const SegmentBudget budget(kSegmentBytes, kReserveBytes);
    CHECK(budget.is_storable(kSegmentBytes / 2 - 5 * kJournalPageBytes));
    CHECK(!budget.is_storable(kSegmentBytes / 2));
}
