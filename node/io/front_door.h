// The ROUTER socket that clients connect to. Event loop only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "node/core/effects.h"
#include "node/io/config_values.h"
#include "node/io/reply_ledger.h"
#include "node/io/zmq_message.h"
#include "schema/status.h"

namespace sedge::node {

struct FrontDoorOptions {
    HostPort listen;
    std::size_t max_connections = 1024;
    ReplyLedger::Limits replies;
    int handshake_timeout_ms = 5'000;
    int linger_ms = 2'000;  // at the end, for answers that are still on their way
};

class FrontDoor {
  public:
    // invalid_config with one clear line when it cannot listen there.
    static Result<std::unique_ptr<FrontDoor>> open(const FrontDoorOptions& options);
    explicit FrontDoor(const FrontDoorOptions& options);  // for open(): does nothing yet
    ~FrontDoor();  // waits up to linger_ms for answers to leave
    FrontDoor(const FrontDoor&) = delete;
    FrontDoor& operator=(const FrontDoor&) = delete;

    const HostPort& address() const { return address_; }

    // The next message, without its routing id; false if there is none now. Messages with too many frames are dropped in here.
    bool receive(ConnectionId& from, ZmqInbound& message);
    // Never blocks: an answer that cannot be queued is dropped and counted. False if it was dropped before it was booked: then its
    // reply_bytes will not come back by collect_taken().
    bool send(Send&& answer, std::uint64_t now_ms);

    using Taken = std::function<void(const ConnectionId&, std::size_t reply_bytes)>;
    void collect_taken(const Taken& taken) { ledger_.collect(taken); }
    // Now and then.
    void forget_idle(std::uint64_t now_ms, const Taken& taken) { ledger_.forget_idle(now_ms, taken); }

    // For the poll: after a wake-up, and before going to sleep, ask has_input(), since zmq's descriptor tells of changes only.
    int fd() const { return fd_; }
    bool has_input();
    int monitor_fd() const { return monitor_fd_; }
    // Counts connections that came and went; holds new ones off at the limit.
    void watch_connections();

    struct Statistics {
        std::uint64_t messages_received = 0, bytes_received = 0, answers_sent = 0;
        std::uint64_t dropped_too_many_frames = 0;  // messages
        std::uint64_t dropped_unroutable = 0;       // answers to clients that are gone
        std::uint64_t dropped_unread = 0;           // answers to clients that do not read
        std::uint64_t connections_accepted = 0, handshakes_failed = 0;
        std::size_t connections = 0;
        bool holding_connections = false;
        std::size_t unread_bytes = 0;
    };
    Statistics statistics() const;

  private:
    Status start();
    void set(int option, int value);
    bool receive_frame(zmq_msg_t* frame);
    bool drain_message();
    bool send_frames(Send& answer, const std::shared_ptr<void>& receipt);
    void apply_connection_limit();

    const FrontDoorOptions options_;
    ReplyLedger ledger_;
    HostPort address_;
    void* context_ = nullptr;
    void* socket_ = nullptr;
    void* monitor_ = nullptr;
    int listen_fd_ = -1;  // owned by zmq
    int fd_ = -1;
    int monitor_fd_ = -1;
    zmq_msg_t routing_id_;
    Statistics counts_;
};

}  // namespace sedge::node
