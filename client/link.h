// One DEALER socket to one node, and what its monitor tells about it. Internal; used on the connection's thread only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "schema/bytes.h"

namespace sedge {

// A link never reconnects: when it is lost, its owner makes another one. Nothing that was written to a lost link can so arrive at a
// node later, except for what already was in the kernel's hands.
class Link {
  public:
    enum class State : std::uint8_t { connecting, connected, lost };

    Link(zmq::context_t& context, const std::string& address);

    // Takes what the monitor has seen since the last call.
    State update();
    State state() const { return state_; }
    const std::string& why_lost() const { return why_lost_; }
    const std::string& address() const { return address_; }  // "host:port"

    // Writes a request as one frame if the payload is small, else as two, the second without a copy. False: the link is lost.
    bool write(ByteView header, const SharedBytes& payload);
    // Takes one answer's frames if there is one.
    bool read(std::vector<zmq::message_t>& frames);
    // Unwritten requests get this long to leave when the link is destroyed; 0 until then.
    void linger(int milliseconds);

    void* socket() { return socket_.handle(); }
    void* monitor() { return monitor_.handle(); }

  private:
    void lose(std::string why);

    std::string address_;
    zmq::socket_t socket_;
    zmq::socket_t monitor_;
    State state_ = State::connecting;
    std::string why_lost_;
};

}  // namespace sedge
