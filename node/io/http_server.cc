#include "node/io/http_server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <vector>

namespace sedge::node {
namespace {

using Clock = std::chrono::steady_clock;

std::string_view reason(int status) {
    switch (status) {
        case 200: return "OK";
        case 400: return "Bad Request";
        case 404: return "Not Found";
        case 405: return "Method Not Allowed";
        case 431: return "Request Header Fields Too Large";
        case 503: return "Service Unavailable";
        default: return "Error";
    }
}

std::string render(const HttpResponse& response, bool with_body) {
    std::string out = "HTTP/1.1 " + std::to_string(response.status) + " " + std::string(reason(response.status)) +
                      "\r\nContent-Type: " + response.content_type +
                      "\r\nContent-Length: " + std::to_string(response.body.size()) +
                      "\r\nCache-Control: no-store\r\nConnection: close\r\n" +
                      (response.status == 405 ? "Allow: GET, HEAD\r\n" : "") + "\r\n";
    if (with_body) out += response.body;
    return out;
}

// `head`: everything up to the empty line.
std::string answer(std::string_view head, const HttpServer::Handler& handler) {
    const std::string_view line = head.substr(0, head.find("\r\n"));
    const auto first = line.find(' ');
    const auto second = first == std::string_view::npos ? first : line.find(' ', first + 1);
    if (second == std::string_view::npos || !line.substr(second + 1).starts_with("HTTP/1."))
        return render({400, "text/plain", "not an HTTP/1 request\n"}, true);
    const std::string_view method = line.substr(0, first);
    std::string_view path = line.substr(first + 1, second - first - 1);
    path = path.substr(0, path.find('?'));
    if (method != "GET" && method != "HEAD") return render({405, "text/plain", "only GET\n"}, true);
    return render(handler(path), method == "GET");
}

}  // namespace

struct HttpServer::Connection {
    explicit Connection(int socket) : fd(socket), deadline(Clock::now() + std::chrono::milliseconds(kDeadlineMs)) {}
    Connection(Connection&& other) noexcept
        : fd(std::exchange(other.fd, -1)), deadline(other.deadline), input(std::move(other.input)), output(std::move(other.output)), sent(other.sent) {}
    Connection& operator=(Connection&& other) noexcept {
        std::swap(fd, other.fd);
        deadline = other.deadline;
        input.swap(other.input);
        output.swap(other.output);
        sent = other.sent;
        return *this;
    }
    ~Connection() {
        if (fd >= 0) ::close(fd);
    }

    bool writing() const { return !output.empty(); }
    // False: over, one way or another.
    bool advance(const Handler& handler);
    bool read_request(const Handler& handler);
    bool write_answer();

    int fd;
    Clock::time_point deadline;
    std::string input, output;
    std::size_t sent = 0;
};

bool HttpServer::Connection::read_request(const Handler& handler) {
    char buffer[2048];
    const auto got = ::recv(fd, buffer, sizeof buffer, 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) return false;
    input.append(buffer, static_cast<std::size_t>(got));
    const auto end = input.find("\r\n\r\n");
    if (end != std::string::npos)
        output = answer(std::string_view(input).substr(0, end), handler);
    else if (input.size() > kMaxRequestBytes)
        output = render({431, "text/plain", "the request is too long\n"}, true);
    return true;
}

bool HttpServer::Connection::write_answer() {
    const auto put = ::send(fd, output.data() + sent, output.size() - sent, MSG_NOSIGNAL);
    if (put < 0) return errno == EAGAIN || errno == EINTR;
    sent += static_cast<std::size_t>(put);
    if (sent < output.size()) return true;
    ::shutdown(fd, SHUT_WR);
    return false;
}

bool HttpServer::Connection::advance(const Handler& handler) {
    if (!writing() && !read_request(handler)) return false;
    return !writing() || write_answer();
}

HttpServer::HttpServer(Listener listener, Handler handler)
    : listener_(std::move(listener)), handler_(std::move(handler)), stop_fd_(::eventfd(0, EFD_CLOEXEC)), thread_([this] { serve(); }) {}

HttpServer::~HttpServer() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(stop_fd_, &one, sizeof one);
    thread_.join();
    ::close(stop_fd_);
}

void HttpServer::serve() {
    std::vector<Connection> connections;
    std::vector<pollfd> polled;
    while (true) {
        polled.clear();
        polled.push_back({stop_fd_, POLLIN, 0});
        polled.push_back({connections.size() < kMaxConnections ? listener_.fd() : -1, POLLIN, 0});
        for (const auto& connection : connections)
            polled.push_back({connection.fd, static_cast<short>(connection.writing() ? POLLOUT : POLLIN), 0});
        const int timeout_ms = connections.empty() ? -1 : kDeadlineMs / 10;
        if (::poll(polled.data(), polled.size(), timeout_ms) < 0 && errno != EINTR) return;
        if (polled[0].revents != 0) return;

        const auto now = Clock::now();
        std::size_t i = 2;
        std::erase_if(connections, [&](Connection& connection) {
            const bool ready = polled[i++].revents != 0;
            return (ready && !connection.advance(handler_)) || now > connection.deadline;
        });
        if (polled[1].revents != 0) {
            const int fd = ::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
            if (fd >= 0) connections.emplace_back(fd);
            else if (errno == EMFILE || errno == ENFILE) ::poll(nullptr, 0, kDeadlineMs / 50);  // do not spin on it
        }
    }
}

}  // namespace sedge::node
