#include "client/cli/stop_signal.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>

namespace sedge::cli {
namespace {

std::atomic<int> signals{0};
std::atomic<int> event_fd{-1};

// Async-signal-safe: atomics without locks, and write().
void on_signal(int) {
    const int before = errno;
    ++signals;
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = write(event_fd, &one, sizeof one);
    errno = before;
}

}  // namespace

void catch_stop_signals() {
    event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct sigaction action {};
    action.sa_handler = on_signal;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
}

int stop_signals() { return signals; }
int stop_signal_fd() { return event_fd; }

}  // namespace sedge::cli
