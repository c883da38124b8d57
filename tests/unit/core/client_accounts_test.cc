#include "node/core/client_accounts.h"

#include <catch2/catch.hpp>

using namespace sedge::node;

namespace {

constexpr std::size_t kOne = 1000, kAll = 2400;
ConnectionId client(int number) { return {"client" + std::to_string(number)}; }

}  // namespace

TEST_CASE("what a client may be handed falls with what it has not taken", "[client_accounts]") {
    ClientAccounts accounts({kOne, kAll, 10, 10});
    CHECK(accounts.allowance(client(1)) == kOne);
    accounts.on_sent(client(1), 600);
    CHECK(accounts.allowance(client(1)) == 400);
    CHECK(accounts.allowance(client(2)) == kOne);
    accounts.on_sent(client(1), 700);
    CHECK(accounts.allowance(client(1)) == 0);
    accounts.on_taken(client(1), 1300);
    CHECK(accounts.allowance(client(1)) == kOne);
    CHECK(accounts.size() == 0);
    CHECK(accounts.outstanding_bytes() == 0);
}

TEST_CASE("clients who never read leave something to the others", "[client_accounts]") {
    ClientAccounts accounts({kOne, kAll, 10, 10});
    for (int i = 0; i < 5; ++i) {
        CHECK(accounts.allowance(client(i)) > 0);
        while (accounts.allowance(client(i)) > 0) accounts.on_sent(client(i), 1);
    }
    CHECK(accounts.outstanding_bytes() < kAll);
    CHECK(accounts.allowance(client(99)) > 0);
}

TEST_CASE("small questions are answered up to a floor", "[client_accounts]") {
    ClientAccounts accounts({kOne, kAll, 10, 10});
    accounts.on_sent(client(1), kAll);
    CHECK(accounts.allowance(client(2)) == 0);
    CHECK(accounts.may_ask(client(2)));
    CHECK(accounts.may_ask(client(1)));
    accounts.on_sent(client(1), ClientAccounts::kFloorBytes);
    CHECK(!accounts.may_ask(client(1)));
}

TEST_CASE("more taken than sent counts as all of it", "[client_accounts]") {
    ClientAccounts accounts({kOne, kAll, 10, 10});
    accounts.on_sent(client(1), 10);
    accounts.on_sent(client(2), 10);
    accounts.on_taken(client(1), 500);
    accounts.on_taken(client(3), 500);
    CHECK(accounts.outstanding_bytes() == 10);
}

TEST_CASE("waiting requests are bounded per client and in all", "[client_accounts]") {
    ClientAccounts accounts({kOne, kAll, 2, 3});
    CHECK(accounts.begin_wait(client(1)));
    CHECK(accounts.begin_wait(client(1)));
    CHECK(!accounts.begin_wait(client(1)));
    CHECK(accounts.begin_wait(client(2)));
    CHECK(!accounts.begin_wait(client(3)));
    accounts.end_wait(client(1));
    CHECK(accounts.begin_wait(client(3)));
    accounts.end_wait(client(1));
    accounts.end_wait(client(2));
    accounts.end_wait(client(3));
    CHECK(accounts.waiting() == 0);
    CHECK(accounts.size() == 0);
}
