// A tiny HTTP/1.1 server for /healthz and /metrics: GET only, one thread, a bounded number of connections, a bounded request,
// a deadline for each connection. By hand because the ready-made library maps 4.5 MB (TLS and all) into a daemon of 10 MB.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "node/io/listener.h"
#include "schema/status.h"

namespace sedge::node {

struct HttpResponse {
    int status = 200;
    std::string content_type = "text/plain; charset=utf-8";
    std::string body;
};

class HttpServer {
  public:
    // Called on the server's thread, with the path without its query.
    using Handler = std::function<HttpResponse(std::string_view path)>;

    static constexpr std::size_t kMaxConnections = 32;         // further ones wait in the kernel
    static constexpr std::size_t kMaxRequestBytes = 8u << 10;
    static constexpr int kDeadlineMs = 5'000;                  // for a request and its answer

    HttpServer(Listener listener, Handler handler);
    ~HttpServer();  // ends the thread; answers under way are cut off
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    const HostPort& address() const { return listener_.address(); }

  private:
    struct Connection;
    void serve();

    Listener listener_;
    Handler handler_;
    int stop_fd_ = -1;
    std::thread thread_;
};

}  // namespace sedge::node
