#include "node/io/listener.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

namespace sedge::node {
namespace {

Status cannot_listen(const HostPort& address, const std::string& why) {
    return {ErrorCode::invalid_config, "cannot listen on " + to_string(address) + ": " + why};
}

std::string reason_of(int error) {
    if (error == EADDRINUSE) return "the port is taken by another process; stop it or choose another port";
    if (error == EADDRNOTAVAIL) return "this machine does not have that address";
    if (error == EACCES) return "not permitted; ports below 1024 need privileges";
    return std::strerror(error);
}

std::uint16_t port_of(int fd) {
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0) return 0;
    if (bound.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6*>(&bound)->sin6_port);
    return ntohs(reinterpret_cast<const sockaddr_in*>(&bound)->sin_port);
}

// The descriptor, or -1 with errno.
int listen_on(const addrinfo& info, int backlog) {
    const int fd = ::socket(info.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, info.ai_protocol);
    if (fd < 0) return -1;
    const int on = 1, off = 0;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (info.ai_family == AF_INET6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (::bind(fd, info.ai_addr, info.ai_addrlen) == 0 && ::listen(fd, backlog) == 0) return fd;
    const int error = errno;
    ::close(fd);
    errno = error;
    return -1;
}

}  // namespace

Result<Listener> Listener::open(const HostPort& address, int backlog) {
    const bool everywhere = address.host == "*";
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const int failure = ::getaddrinfo(everywhere ? "::" : address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
    if (failure != 0) return cannot_listen(address, ::gai_strerror(failure));
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
    int error = 0;
    for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
        const int fd = listen_on(*info, backlog);
        if (fd >= 0) return Listener(fd, HostPort{address.host, port_of(fd)});
        error = errno;
    }
    if (everywhere && error == EAFNOSUPPORT) {
        auto on_v4 = open(HostPort{"0.0.0.0", address.port}, backlog);
        if (on_v4.ok()) on_v4->address_.host = address.host;
        return on_v4;
    }
    return cannot_listen(address, reason_of(error));
}

Listener::Listener(Listener&& other) noexcept : fd_(std::exchange(other.fd_, -1)), address_(std::move(other.address_)) {}

Listener::~Listener() {
    if (fd_ >= 0) ::close(fd_);
}

int Listener::release() { return std::exchange(fd_, -1); }

bool hold_connections(int fd, bool held) {
    sock_filter drop_all{BPF_RET | BPF_K, 0, 0, 0};
    const sock_fprog program{1, &drop_all};
    const int unused = 0;
    return held ? ::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0
                : ::setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused) == 0;
}

}  // namespace sedge::node
