// A listening TCP socket, made by us so that a taken port is one clear line, and so that new connections can be held off.
#pragma once

#include <string>

#include "node/io/config_values.h"
#include "schema/status.h"

namespace sedge::node {

class Listener {
  public:
    // Host "*" means every address, IPv4 and IPv6. invalid_config with one line that says what to do if it cannot be had.
    static Result<Listener> open(const HostPort& address, int backlog);
    Listener(Listener&& other) noexcept;
    Listener& operator=(Listener&&) = delete;
    ~Listener();

    int fd() const { return fd_; }
    const HostPort& address() const { return address_; }  // with the real port if 0 was asked for
    // Hands the descriptor to another owner, who closes it.
    int release();

  private:
    Listener(int fd, HostPort address) : fd_(fd), address_(std::move(address)) {}
    int fd_ = -1;
    HostPort address_;
};

// While `held`, the kernel ignores whoever knocks at listening socket `fd`; they knock again by themselves. Connections that
// exist are left alone: unbinding the socket would close them all.
bool hold_connections(int fd, bool held);

}  // namespace sedge::node
