#include "node/core/lineage.h"

#include <catch2/catch.hpp>

using namespace sedge;
using namespace sedge::node;

namespace {

Lineage lineage(std::vector<std::pair<std::uint32_t, std::uint64_t>> steps) {
    std::vector<Lineage::Step> out;
    for (const auto& [epoch, first] : steps) out.push_back({Epoch{epoch}, Offset{first}});
    return Lineage::from_steps(std::move(out)).value();
}

}  // namespace

TEST_CASE("a lineage remembers where each epoch began", "[lineage]") {
    Lineage log;
    for (const auto& [epoch, offset] : {std::pair{1u, 0ull}, {1u, 5ull}, {3u, 9ull}, {3u, 12ull}, {4u, 20ull}})
        log.on_append(Epoch{epoch}, Offset{offset});
    CHECK(log == lineage({{1, 0}, {3, 9}, {4, 20}}));
    CHECK(log.epoch_of(Offset{8}) == Epoch{1});
    CHECK(log.epoch_of(Offset{9}) == Epoch{3});
    CHECK(log.last_epoch() == Epoch{4});
    log.truncate(Offset{20});
    CHECK(log.last_epoch() == Epoch{3});
    log.forget_below(Offset{10});
    CHECK(log == lineage({{3, 9}}));
    CHECK(!log.epoch_of(Offset{8}));
}

TEST_CASE("two logs share what their newest common epoch wrote in both", "[lineage]") {
    struct Row {
        Lineage mine;
        std::uint64_t my_end;
        Lineage theirs;
        std::uint64_t their_end;
        std::uint64_t shared;
    };
    const Row rows[] = {
        {lineage({{1, 0}}), 10, lineage({{1, 0}}), 15, 10},                      // behind
        {lineage({{1, 0}}), 10, lineage({{1, 0}, {2, 8}}), 9, 8},                // a tail that the next leader never had
        {lineage({{1, 0}, {2, 8}}), 12, lineage({{1, 0}, {3, 8}}), 20, 8},       // both led on from the same place
        {lineage({{1, 0}, {2, 5}}), 9, lineage({{1, 0}, {3, 7}}), 9, 5},         // KIP-279: fast double failover
        {lineage({{1, 0}, {3, 7}}), 9, lineage({{1, 0}, {2, 5}}), 9, 5},
        {lineage({}), 0, lineage({{1, 0}}), 9, 0},                               // an empty log
        {lineage({{5, 100}}), 120, lineage({{3, 0}, {5, 100}, {6, 110}}), 130, 110},
        {lineage({{2, 0}}), 10, lineage({{4, 0}}), 10, 0},                       // strangers
    };
    for (const Row& row : rows) {
        CHECK(common_end(row.mine, Offset{row.my_end}, row.theirs, Offset{row.their_end}) == Offset{row.shared});
        CHECK(common_end(row.theirs, Offset{row.their_end}, row.mine, Offset{row.my_end}) == Offset{row.shared});
    }
}

TEST_CASE("steps that go back are no lineage", "[lineage]") {
    CHECK(!Lineage::from_steps({{Epoch{2}, Offset{0}}, {Epoch{1}, Offset{5}}}));
    CHECK(!Lineage::from_steps({{Epoch{1}, Offset{5}}, {Epoch{2}, Offset{5}}}));
}
