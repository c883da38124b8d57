#include "node/core/acceptor.h"

#include <catch2/catch.hpp>

using namespace sedge;
using namespace sedge::node;

namespace {

Ballot ballot(std::uint64_t counter, std::uint64_t proposer = 1) { return {counter, AcceptorId{proposer}, 0}; }

RegisterValue value(std::string_view text) {
    const auto bytes = as_bytes(text);
    return {bytes.begin(), bytes.end()};
}

template <class Reply>
bool is(const Acceptor::Outcome& outcome) {
    return std::holds_alternative<Reply>(outcome.reply);
}

}  // namespace

TEST_CASE("a promise shuts out every lower or equal ballot", "[acceptor]") {
    Acceptor acceptor;
    CHECK(is<Promised>(acceptor.handle(Prepare{"k", ballot(5), 1})));
    CHECK(is<Outbid>(acceptor.handle(Prepare{"k", ballot(5), 1})));
    CHECK(is<Outbid>(acceptor.handle(Prepare{"k", ballot(4), 1})));
    CHECK(is<Outbid>(acceptor.handle(Accept{"k", ballot(4), value("x"), 1})));
    CHECK(is<Promised>(acceptor.handle(Prepare{"k", ballot(5, 2), 1})));
    CHECK(is<Promised>(acceptor.handle(Prepare{"other", ballot(1), 1})));
}

TEST_CASE("a ballot carries one value, ever", "[acceptor]") {
    Acceptor acceptor;
    CHECK(is<Accepted>(acceptor.handle(Accept{"k", ballot(5), value("x"), 1})));
    CHECK(is<Accepted>(acceptor.handle(Accept{"k", ballot(5), value("x"), 1})));
    CHECK(is<Outbid>(acceptor.handle(Accept{"k", ballot(5), value("y"), 1})));
    const auto outcome = acceptor.handle(Prepare{"k", ballot(6), 1});
    REQUIRE(is<Promised>(outcome));
    CHECK(std::get<Promised>(outcome.reply).accepted_ballot == ballot(5));
    CHECK(std::get<Promised>(outcome.reply).accepted_value == value("x"));
}

TEST_CASE("what a reply shows is stored first, and restoring it restores every refusal", "[acceptor]") {
    Acceptor before;
    Acceptor after;
    const std::vector<AcceptorRequest> requests = {Prepare{"k", ballot(5), 2}, Accept{"k", ballot(5), value("x"), 2},
                                                   Prepare{"k", ballot(9), 3}};
    for (const AcceptorRequest& request : requests) {
        const auto outcome = before.handle(request);
        if (outcome.fence_moved) after.restore_fence(before.fence());
        if (outcome.changed) after.restore(*outcome.changed);
    }
    CHECK(after.fence() == 3);
    CHECK(is<Outbid>(after.handle(Prepare{"k", ballot(9), 3})));
    const auto outcome = after.handle(Prepare{"k", ballot(10), 3});
    REQUIRE(is<Promised>(outcome));
    CHECK(std::get<Promised>(outcome.reply).accepted_value == value("x"));
}

TEST_CASE("older configurations are fenced, and a fence lists what was accepted", "[acceptor]") {
    Acceptor acceptor;
    CHECK(is<Accepted>(acceptor.handle(Accept{"a", ballot(1), value("x"), 1})));
    CHECK(is<Promised>(acceptor.handle(Prepare{"b", ballot(1), 1})));
    const auto fenced = acceptor.handle(Fence{2});
    REQUIRE(is<Fenced>(fenced));
    CHECK(fenced.fence_moved);
    CHECK(std::get<Fenced>(fenced.reply).keys == std::vector<RegisterKey>{"a"});
    CHECK(is<OutOfDate>(acceptor.handle(Prepare{"a", ballot(9), 1})));
    CHECK(is<OutOfDate>(acceptor.handle(Accept{"a", ballot(9), value("y"), 1})));
    CHECK(is<OutOfDate>(acceptor.handle(Fence{1})));
    CHECK(is<Promised>(acceptor.handle(Prepare{"a", ballot(9), 2})));
}
