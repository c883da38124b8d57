#include "node/io/signals.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace sedge::node {

Result<Signals> Signals::open() {
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
    if (sigaction(SIGPIPE, &ignore, nullptr) != 0 || pthread_sigmask(SIG_BLOCK, &set, nullptr) != 0)
        return Status{ErrorCode::storage_failed, std::string("signals cannot be set up: ") + std::strerror(errno)};
    const int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) return Status{ErrorCode::storage_failed, std::string("signalfd: ") + std::strerror(errno)};
    return Signals(fd);
}

Signals::Signals(Signals&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

Signals::~Signals() {
    if (fd_ >= 0) ::close(fd_);
}

Signals::Event Signals::next() {
    signalfd_siginfo info;
    if (::read(fd_, &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return Event::none;
    return info.ssi_signo == SIGHUP ? Event::reload : Event::stop;
}

}  // namespace sedge::node
