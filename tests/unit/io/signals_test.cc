#include "node/io/signals.h"

#include <catch2/catch.hpp>
#include <csignal>
#include <poll.h>

#include "node/io/waker.h"

using namespace sedge::node;

namespace {
bool readable(int fd) {
    pollfd entry{fd, POLLIN, 0};
    return ::poll(&entry, 1, 0) == 1;
}
}  // namespace

TEST_CASE("signals arrive as events", "[signals]") {
    auto signals = Signals::open();
    REQUIRE(signals.ok());
    CHECK(signals->next() == Signals::Event::none);
    ::raise(SIGHUP);
    CHECK(readable(signals->fd()));
    CHECK(signals->next() == Signals::Event::reload);
    ::raise(SIGTERM);
    CHECK(signals->next() == Signals::Event::stop);
    ::raise(SIGINT);
    CHECK(signals->next() == Signals::Event::stop);
    CHECK_FALSE(readable(signals->fd()));
}

TEST_CASE("a wake-up is never lost and costs a system call only for a sleeper", "[signals]") {
    Waker waker;
    REQUIRE(waker.valid());
    waker.wake();
    CHECK_FALSE(readable(waker.fd()));
    CHECK_FALSE(waker.prepare_sleep());
    CHECK(waker.take());
    CHECK_FALSE(waker.take());
    CHECK(waker.prepare_sleep());
    waker.wake();
    CHECK(readable(waker.fd()));
    waker.woken(true);
    CHECK_FALSE(readable(waker.fd()));
    CHECK(waker.take());
}
