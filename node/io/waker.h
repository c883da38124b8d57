// Wakes the event loop from any thread, with a system call only if the loop sleeps.
//
// The loop:  prepare_sleep(); if it says true: poll on fd(); then woken().   Others: wake().
// A wake() between prepare_sleep() and the poll makes the poll return at once: none is ever lost.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

namespace sedge::node {

class Waker {
  public:
    Waker() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
    ~Waker() { ::close(fd_); }
    Waker(const Waker&) = delete;
    Waker& operator=(const Waker&) = delete;

    // Any thread.
    void wake() {
        pending_.store(true);
        if (!sleeping_.exchange(false)) return;
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto written = ::write(fd_, &one, sizeof one);  // full means: readable anyway
    }

    // Loop only. True once after any number of wake().
    bool take() { return pending_.load(std::memory_order_relaxed) && pending_.exchange(false); }
    // Loop only. False: there has been a wake(), do not sleep.
    bool prepare_sleep() {
        sleeping_.store(true);
        if (!pending_.load()) return true;
        sleeping_.store(false);
        return false;
    }
    // Loop only, after the poll. `readable`: the poll reported fd().
    void woken(bool readable) {
        sleeping_.store(false);
        std::uint64_t count;
        if (readable) [[maybe_unused]] const auto got = ::read(fd_, &count, sizeof count);
    }
    int fd() const { return fd_; }
    bool valid() const { return fd_ >= 0; }

  private:
    const int fd_;
    std::atomic<bool> pending_{false};
    std::atomic<bool> sleeping_{false};
};

}  // namespace sedge::node
