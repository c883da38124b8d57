#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <vector>

#include "node/io/admin.h"
#include "node/io/http_server.h"
#include "node/io/metrics_text.h"

using namespace sedge;
using namespace sedge::node;
using Catch::Matchers::Contains;

namespace {

HttpServer::Handler echo_path() {
    return [](std::string_view path) { return HttpResponse{200, "text/plain", "path " + std::string(path)}; };
}

Listener listener() {
    auto made = Listener::open({"127.0.0.1", 0}, 16);
    REQUIRE(made.ok());
    return std::move(made).value();
}

int connect_to(const HostPort& address) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(address.port);
    ::inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    REQUIRE(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
    return fd;
}

std::string exchange(int fd, const std::string& request) {
    ::send(fd, request.data(), request.size(), MSG_NOSIGNAL);
    std::string all;
    char buffer[4096];
    for (ssize_t got; (got = ::recv(fd, buffer, sizeof buffer, 0)) > 0;) all.append(buffer, static_cast<std::size_t>(got));
    ::close(fd);
    return all;
}

}  // namespace

TEST_CASE("HTTP: what is asked is answered", "[http]") {
    const HttpServer server(listener(), echo_path());
    const auto ask = [&](const std::string& request) { return exchange(connect_to(server.address()), request); };
    CHECK_THAT(ask("GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n"), Contains("HTTP/1.1 200 OK\r\n") && Contains("\r\n\r\npath /a"));
    CHECK_THAT(ask("HEAD /a HTTP/1.1\r\n\r\n"), Contains("Content-Length: 7\r\n") && !Contains("path"));
    CHECK_THAT(ask("POST / HTTP/1.1\r\n\r\n"), Contains("405 Method Not Allowed"));
    CHECK_THAT(ask("nonsense\r\n\r\n"), Contains("400 Bad Request"));
    CHECK_THAT(ask("GET / SIP/2.0\r\n\r\n"), Contains("400 Bad Request"));
}

TEST_CASE("HTTP: idle and endless clients leave room for others", "[http]") {
    const HttpServer server(listener(), echo_path());
    std::vector<int> idle;
    for (int i = 0; i < 8; ++i) idle.push_back(connect_to(server.address()));
    const int flood = connect_to(server.address());
    const std::string junk(HttpServer::kMaxRequestBytes + 1, 'x');
    ::send(flood, junk.data(), junk.size(), MSG_NOSIGNAL);
    CHECK_THAT(exchange(connect_to(server.address()), "GET /here HTTP/1.0\r\n\r\n"), Contains("path /here"));
    for (const int fd : idle) ::close(fd);
    ::close(flood);
}

TEST_CASE("a taken port is one clear line", "[http]") {
    const auto first = listener();
    const auto second = Listener::open(first.address(), 16);
    REQUIRE_FALSE(second.ok());
    CHECK(second.status().message == "cannot listen on 127.0.0.1:" + std::to_string(first.address().port) +
                                         ": the port is taken by another process; stop it or choose another port");
    CHECK_FALSE(Listener::open({"no.such.host.invalid", 0}, 16).ok());
}

TEST_CASE("health: starting, ok, degraded, stopping, stuck", "[http]") {
    SnapshotBoard board;
    CHECK(board.answer("/healthz", 0).status == 503);
    CHECK_THAT(board.answer("/healthz", 0).body, Contains("starting"));
    board.publish({1'000, "m 1\n", {}, false});
    CHECK(board.answer("/healthz", 1'500).body == "{\"problems\":[],\"status\":\"ok\"}\n");
    CHECK(board.answer("/metrics", 1'500).body == "m 1\n");
    CHECK_THAT(board.answer("/healthz", 1'001 + SnapshotBoard::kStuckAfterMs).body, Contains("stuck"));
    board.publish({1'000, "", {{"disk_full", "journal", "make room \xff"}}, false});
    CHECK(board.answer("/healthz", 1'500).status == 200);
    CHECK_THAT(board.answer("/healthz", 1'500).body, Contains("degraded") && Contains("make room"));
    board.publish({1'000, "", {}, true});
    CHECK(board.answer("/healthz", 1'500).status == 503);
    CHECK(board.answer("/else", 1'500).status == 404);
}

TEST_CASE("metrics are Prometheus text", "[http]") {
    const std::vector<Metric> metrics{{"a_total", "Counts\n.", true, {{"topic", "x\"y\\"}, {"p", "0"}}, 3},
                                      {"a_total", "Counts\n.", true, {}, 1.5},
                                      {"b", "Gauge.", false, {}, 1e15}};
    CHECK(metrics_text(metrics) ==
          "# HELP a_total Counts\\n.\n# TYPE a_total counter\na_total{topic=\"x\\\"y\\\\\",p=\"0\"} 3\na_total 1.5\n"
          "# HELP b Gauge.\n# TYPE b gauge\nb 1e+15\n");
}
