#include "client/link.h"

#include <atomic>
#include <cstring>
#include <memory>
#include <utility>

#include "schema/limits.h"

namespace sedge {
namespace {

// Below this size a copy is cheaper than a second frame.
constexpr std::size_t kCopyBelowBytes = 32u << 10;
constexpr int kHandshakeMs = 5'000;
constexpr int kConnectMs = 5'000;
constexpr int kKeepaliveIdleSeconds = 10;
constexpr int kKeepaliveIntervalSeconds = 5;
constexpr int kKeepaliveProbes = 3;
constexpr int kReceiveHighWaterMark = 1'000;
constexpr int kMonitoredEvents = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                                 ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                                 ZMQ_EVENT_CLOSED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CONNECT_RETRIED;

// A name for the monitor's in-process endpoint, distinct within the process.
std::string monitor_endpoint() {
    static std::atomic<std::uint64_t> next{0};
    return "inproc://sedge-link-" + std::to_string(next++);
}

void set_options(zmq::socket_t& socket) {
    // No heartbeats: libzmq 4.3.4 can abort with them. Keepalive and the owner's deadlines find dead peers.
    socket.set(zmq::sockopt::linger, 0);
    socket.set(zmq::sockopt::ipv6, 1);
    socket.set(zmq::sockopt::reconnect_ivl, -1);
    socket.set(zmq::sockopt::connect_timeout, kConnectMs);
    socket.set(zmq::sockopt::handshake_ivl, kHandshakeMs);
    socket.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(limits::kMaxFrameBytes));
    socket.set(zmq::sockopt::sndhwm, 0);  // bounded by what owners have open
    socket.set(zmq::sockopt::rcvhwm, kReceiveHighWaterMark);
    socket.set(zmq::sockopt::tcp_keepalive, 1);
    socket.set(zmq::sockopt::tcp_keepalive_idle, kKeepaliveIdleSeconds);
    socket.set(zmq::sockopt::tcp_keepalive_intvl, kKeepaliveIntervalSeconds);
    socket.set(zmq::sockopt::tcp_keepalive_cnt, kKeepaliveProbes);
}

void release_payload(void*, void* hint) { std::unique_ptr<SharedBytes>(static_cast<SharedBytes*>(hint)).reset(); }

// A message that shares the payload's memory. libzmq only reads from it.
zmq::message_t share(const SharedBytes& payload) {
    auto hint = std::make_unique<SharedBytes>(payload);
    auto* bytes = const_cast<std::byte*>(payload.view().data());
    zmq::message_t message(bytes, payload.size(), release_payload, hint.get());
    hint.release();
    return message;
}

}  // namespace

Link::Link(zmq::context_t& context, const std::string& address)
    : address_(address), socket_(context, zmq::socket_type::dealer), monitor_(context, zmq::socket_type::pair) {
    set_options(socket_);
    monitor_.set(zmq::sockopt::linger, 0);
    try {
        const auto endpoint = monitor_endpoint();
        if (zmq_socket_monitor(socket_.handle(), endpoint.c_str(), kMonitoredEvents) != 0) throw zmq::error_t();
        monitor_.connect(endpoint);
        socket_.connect("tcp://" + address_);
    } catch (const zmq::error_t& error) {
        lose(std::string("not an address to connect to: ") + error.what());
    }
}

Link::State Link::update() {
    zmq::message_t event;
    zmq::message_t endpoint;
    while (state_ != State::lost) {
        if (!monitor_.recv(event, zmq::recv_flags::dontwait)) break;
        std::uint16_t what = 0;
        if (event.size() >= sizeof what) std::memcpy(&what, event.data(), sizeof what);
        if (event.more()) (void)monitor_.recv(endpoint, zmq::recv_flags::dontwait);
        switch (what) {
            case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: state_ = State::connected; break;
            case ZMQ_EVENT_DISCONNECTED: lose("the connection was lost"); break;
            case ZMQ_EVENT_CLOSED:
            case ZMQ_EVENT_CONNECT_RETRIED: lose("nobody listens there"); break;
            default: lose("what listens there does not speak ZeroMQ"); break;
        }
    }
    return state_;
}

void Link::lose(std::string why) {
    state_ = State::lost;
    why_lost_ = std::move(why);
}

bool Link::write(ByteView header, const SharedBytes& payload) {
    try {
        if (payload.size() <= kCopyBelowBytes) {
            zmq::message_t message(header.size() + payload.size());
            auto* to = static_cast<std::byte*>(message.data());
            std::memcpy(to, header.data(), header.size());
            if (!payload.empty()) std::memcpy(to + header.size(), payload.view().data(), payload.size());
            return socket_.send(message, zmq::send_flags::dontwait).has_value();
        }
        zmq::message_t head(header.data(), header.size());
        if (!socket_.send(head, zmq::send_flags::dontwait | zmq::send_flags::sndmore)) return false;
        auto body = share(payload);
        return socket_.send(body, zmq::send_flags::dontwait).has_value();
    } catch (const zmq::error_t& error) {
        lose(error.what());
        return false;
    }
}

bool Link::read(std::vector<zmq::message_t>& frames) {
    frames.clear();
    try {
        do {
            frames.emplace_back();
            if (!socket_.recv(frames.back(), zmq::recv_flags::dontwait)) {
                frames.clear();
                return false;
            }
        } while (frames.back().more());
    } catch (const zmq::error_t& error) {
        lose(error.what());
        frames.clear();
        return false;
    }
    return true;
}

void Link::linger(int milliseconds) { socket_.set(zmq::sockopt::linger, milliseconds); }

}  // namespace sedge
