// A client for tests: a DEALER in its own context, blocking with a generous time-out.
#pragma once

#include <zmq.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "node/io/config_values.h"

namespace sedge::node {

class ZmqPeer {
  public:
    explicit ZmqPeer(const HostPort& address, const std::string& identity = "") {
        set(ZMQ_LINGER, 0);
        set(ZMQ_RCVTIMEO, kTimeoutMs);
        set(ZMQ_SNDTIMEO, kTimeoutMs);
        if (!identity.empty()) zmq_setsockopt(socket_, ZMQ_ROUTING_ID, identity.data(), identity.size());
        connect(address);
    }
    ~ZmqPeer() {
        zmq_close(socket_);
        zmq_ctx_term(context_);
    }
    ZmqPeer(const ZmqPeer&) = delete;
    ZmqPeer& operator=(const ZmqPeer&) = delete;

    void set(int option, int value) { zmq_setsockopt(socket_, option, &value, sizeof value); }
    void connect(const HostPort& address) { REQUIRE(zmq_connect(socket_, ("tcp://" + to_string(address)).c_str()) == 0); }
    void send(const std::vector<std::string>& frames) {
        for (std::size_t i = 0; i < frames.size(); ++i)
            REQUIRE(zmq_send(socket_, frames[i].data(), frames[i].size(), i + 1 < frames.size() ? ZMQ_SNDMORE : 0) >= 0);
    }
    // Empty if nothing came in time.
    std::vector<std::string> receive(int flags = 0) {
        std::vector<std::string> frames;
        zmq_msg_t frame;
        zmq_msg_init(&frame);
        do {
            if (zmq_msg_recv(&frame, socket_, flags) < 0) break;
            frames.emplace_back(static_cast<const char*>(zmq_msg_data(&frame)), zmq_msg_size(&frame));
        } while (zmq_msg_more(&frame));
        zmq_msg_close(&frame);
        return frames;
    }

    static constexpr int kTimeoutMs = 30'000;

  private:
    void* context_ = zmq_ctx_new();
    void* socket_ = zmq_socket(context_, ZMQ_DEALER);
};

}  // namespace sedge::node
