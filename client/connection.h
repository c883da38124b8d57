// Requests to the mesh and their answers, over one connection at a time. Internal to libsedge: applications use Producer,
// Consumer and Admin.
//
// A Connection owns one background thread, and that thread owns every socket. It connects to one of the given nodes; when that
// node goes away or falls silent it goes on to the next, with back-off, for ever. A request that was not yet written waits for
// the next node; one that was written when its node went away fails as `unreachable` with `maybe_done`, and its owner decides
// whether to send it again: only the owner knows what a second delivery would do.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/connect_options.h"
#include "schema/bytes.h"
#include "schema/request.h"
#include "schema/response.h"
#include "schema/status.h"

namespace sedge {

struct Reply {
    Status status;                    // ok, what the node said, or made here: unreachable, timed_out
    ResponseBody body;                // ErrorResponse when the node said no
    std::vector<SharedBytes> frames;  // the answer's body
    std::string node;                 // who answered, "host:port"; empty if nobody
    bool maybe_done = false;          // no answer came, yet the request may have reached a node
};

class Connection {
  public:
    // Runs on the connection's thread.
    using Callback = std::function<void(Reply& reply)>;

    // An owner with work of its own on the connection's thread.
    class Worker {
      public:
        virtual ~Worker() = default;
        // Called on every turn of the loop, after answers were delivered. Returns when it wants to be called again at the latest
        // (monotonic, as now_ms); wake() calls it sooner.
        virtual std::uint64_t work(std::uint64_t now_ms) = 0;
    };

    // Starts the thread. `worker`, if any, outlives the connection.
    explicit Connection(ConnectOptions options, Worker* worker = nullptr);
    // Fails what is still open as `unreachable`, and stops the thread.
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // Sends a request, on any thread; `done` is called exactly once, on the connection's thread. What `request` points to may go
    // when send() returns. `timeout_ms` counts from the writing to the answer; 0: the default. An empty `done`: no answer is expected.
    void send(const RequestBody& request, SharedBytes payload, std::uint32_t timeout_ms, Callback done);
    // As send(), and waits. Not to be called on the connection's thread.
    Reply call(const RequestBody& request, std::uint32_t timeout_ms = 0);
    // As call(), repeated with short pauses until it succeeds, fails for good, or `timeout_ms` have passed in all.
    // `retried_blindly`, if given, becomes true when an attempt may have been carried out without an answer.
    Reply call_until(const RequestBody& request, std::uint32_t timeout_ms, bool* retried_blindly = nullptr);
    // Makes the thread take another turn soon. Cheap when it is awake.
    void wake();

    const ConnectOptions& options() const { return options_; }

    // The monotonic clock that every deadline here is counted by.
    static std::uint64_t now_ms();

  private:
    struct Loop;
    ConnectOptions options_;
    std::unique_ptr<Loop> loop_;
};

}  // namespace sedge
