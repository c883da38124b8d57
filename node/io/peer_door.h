// The sockets between nodes: one ROUTER that receives, and a DEALER for each peer that this node has something to say to. Event loop only.
//
// Nothing is promised of a message: it may be lost, late or doubled. The core asks again for whatever it needs.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "node/core/effects.h"
#include "node/io/config_values.h"
#include "node/io/zmq_message.h"
#include "schema/status.h"

namespace sedge::node {

struct PeerDoorOptions {
    HostPort listen;
    std::size_t max_peers = 256;                      // links at once; the one idle for the longest goes first
    std::size_t max_waiting_bytes = 32u << 20;        // for one peer that is connected; above it messages are dropped
    std::size_t max_unconnected_bytes = 256u << 10;   // for one that is not
    std::uint64_t idle_ms = 120'000;                  // a link that nothing was sent over for so long is closed
    int handshake_timeout_ms = 5'000;
    int linger_ms = 500;                              // at the end, so that a farewell gets out
};

class PeerDoor {
  public:
    // invalid_config with one clear line when it cannot listen there.
    static Result<std::unique_ptr<PeerDoor>> open(const PeerDoorOptions& options);
    explicit PeerDoor(const PeerDoorOptions& options);  // for open(): does nothing yet
    ~PeerDoor();
    PeerDoor(const PeerDoor&) = delete;
    PeerDoor& operator=(const PeerDoor&) = delete;

    const HostPort& address() const { return address_; }

    // The next message; false if there is none now.
    bool receive(ZmqInbound& message);
    // Never blocks. At a limit the message is dropped and counted.
    void send(SendPeer&& message, std::uint64_t now_ms);

    // Calls lost(node) once for each peer whose connection broke since the last call, and closes links that idle.
    void watch_links(std::uint64_t now_ms, const std::function<void(NodeId)>& lost);

    int fd() const { return fd_; }
    bool has_input();
    // What to poll beside fd(): readable when a connection came or went. Changes with every new link.
    const std::vector<int>& monitor_fds() const { return monitor_fds_; }

    struct Statistics {
        std::uint64_t messages_received = 0, bytes_received = 0, messages_sent = 0, bytes_sent = 0;
        std::uint64_t dropped = 0;  // at a limit, or since the peer's address makes no sense
        std::uint64_t connections_lost = 0;
        std::size_t links = 0, connected = 0;
    };
    Statistics statistics() const;

  private:
    struct Link {
        NodeId node;
        void* socket = nullptr;
        void* monitor = nullptr;
        int monitor_fd = -1;
        bool connected = false;
        std::uint64_t used_ms = 0;
        std::shared_ptr<std::atomic<std::size_t>> waiting;  // bytes that zmq has not handed to the kernel
    };
    using Links = std::map<std::string, Link>;  // by address

    Status start();
    Link* link_to(const SendPeer& message, std::uint64_t now_ms);
    bool connect(Link& link, const std::string& address);
    void close(Link& link);
    void list_monitors();
    void close_idlest();

    const PeerDoorOptions options_;
    HostPort address_;
    void* context_ = nullptr;
    void* socket_ = nullptr;
    int fd_ = -1;
    std::uint64_t links_made_ = 0;
    Links links_;
    std::vector<int> monitor_fds_;
    Statistics counts_;
};

}  // namespace sedge::node
