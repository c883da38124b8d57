#include "node/io/front_door.h"

#include <zmq.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "node/io/listener.h"
#include "schema/limits.h"

namespace sedge::node {
namespace {

constexpr int kBacklog = 128;  // the limit of connections may be exceeded by so many
constexpr int kSendQueueMessages = 200'000;  // the ledger's bytes are the real limit
// Messages that zmq receives ahead of the loop, for each connection. Fewer cost small messages a third more processor time each; it can
// not be changed later: libzmq tells a sender only now and then how much was read, counted in this limit, so a sender that is shown
// a smaller one may wait for ever for a queue that is empty already.
constexpr int kReceiveQueueMessages = 512;
constexpr std::size_t kSharedHeaderBytes = 1024;  // a header from here on goes without a copy
constexpr int kKeepaliveIdleS = 15, kKeepaliveIntervalS = 5, kKeepaliveProbes = 3;
constexpr int kStuckClientMs = 300'000;  // a client that takes nothing for so long is cut off
constexpr const char* kMonitorEndpoint = "inproc://sedge.front_door";
constexpr int kMonitoredEvents =
    ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
    ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;

Status zmq_failure(const std::string& what) {
    return {ErrorCode::storage_failed, what + ": " + zmq_strerror(zmq_errno())};
}

int descriptor_of(void* socket) {
    int fd = -1;
    std::size_t size = sizeof fd;
    return zmq_getsockopt(socket, ZMQ_FD, &fd, &size) == 0 ? fd : -1;
}

}  // namespace

Result<std::unique_ptr<FrontDoor>> FrontDoor::open(const FrontDoorOptions& options) {
    auto door = std::make_unique<FrontDoor>(options);
    if (auto status = door->start(); !status.ok()) return status;
    return door;
}

FrontDoor::FrontDoor(const FrontDoorOptions& options) : options_(options), ledger_(options.replies) { zmq_msg_init(&routing_id_); }

FrontDoor::~FrontDoor() {
    // The events end before their reader goes: without one, libzmq's thread would wait in sending the next event (a client that leaves
    // just now), and hold the lock that ending them needs.
    if (socket_ != nullptr) zmq_socket_monitor(socket_, nullptr, 0);
    if (monitor_ != nullptr) zmq_close(monitor_);
    if (socket_ != nullptr) zmq_close(socket_);
    zmq_msg_close(&routing_id_);
    if (context_ != nullptr) zmq_ctx_term(context_);
}

void FrontDoor::set(int option, int value) { zmq_setsockopt(socket_, option, &value, sizeof value); }

Status FrontDoor::start() {
    auto listener = Listener::open(options_.listen, kBacklog);
    if (!listener.ok()) return listener.status();
    address_ = listener->address();
    context_ = zmq_ctx_new();
    if (context_ == nullptr) return zmq_failure("zmq context");
    zmq_ctx_set(context_, ZMQ_IO_THREADS, 1);
    socket_ = zmq_socket(context_, ZMQ_ROUTER);
    if (socket_ == nullptr) return zmq_failure("zmq socket");

    set(ZMQ_IPV6, 1);
    set(ZMQ_LINGER, options_.linger_ms);
    set(ZMQ_ROUTER_MANDATORY, 1);
    set(ZMQ_SNDHWM, kSendQueueMessages);
    set(ZMQ_RCVHWM, kReceiveQueueMessages);
    const auto max_frame = static_cast<std::int64_t>(limits::kMaxFrameBytes);
    zmq_setsockopt(socket_, ZMQ_MAXMSGSIZE, &max_frame, sizeof max_frame);
    set(ZMQ_HANDSHAKE_IVL, options_.handshake_timeout_ms);
    // TCP's own keepalive, not ZMQ_HEARTBEAT_*: libzmq 4.3.4 can abort on the heartbeat of a connection that has ended.
    set(ZMQ_TCP_KEEPALIVE, 1);
    set(ZMQ_TCP_KEEPALIVE_IDLE, kKeepaliveIdleS);
    set(ZMQ_TCP_KEEPALIVE_INTVL, kKeepaliveIntervalS);
    set(ZMQ_TCP_KEEPALIVE_CNT, kKeepaliveProbes);
    set(ZMQ_TCP_MAXRT, kStuckClientMs);

    if (zmq_socket_monitor(socket_, kMonitorEndpoint, kMonitoredEvents) != 0) return zmq_failure("zmq monitor");
    monitor_ = zmq_socket(context_, ZMQ_PAIR);
    if (monitor_ == nullptr) return zmq_failure("zmq monitor");
    const int unlimited = 0, no_linger = 0;  // a full queue would block the I/O thread
    zmq_setsockopt(monitor_, ZMQ_RCVHWM, &unlimited, sizeof unlimited);
    zmq_setsockopt(monitor_, ZMQ_LINGER, &no_linger, sizeof no_linger);
    if (zmq_connect(monitor_, kMonitorEndpoint) != 0) return zmq_failure("zmq monitor");

    listen_fd_ = listener->fd();
    set(ZMQ_USE_FD, listen_fd_);
    // zmq parses an address (and would not resolve a name), then uses our descriptor.
    if (zmq_bind(socket_, ("tcp://*:" + std::to_string(address_.port)).c_str()) != 0) return zmq_failure("listening on " + to_string(address_));
    listener->release();
    fd_ = descriptor_of(socket_);
    monitor_fd_ = descriptor_of(monitor_);
    if (fd_ < 0 || monitor_fd_ < 0) return zmq_failure("zmq descriptor");
    return {};
}

bool FrontDoor::receive_frame(zmq_msg_t* frame) {
    int size;
    do size = zmq_msg_recv(frame, socket_, ZMQ_DONTWAIT);
    while (size < 0 && errno == EINTR);
    return size >= 0;
}

// The rest of a message with too many frames. They are all there: zmq hands over whole messages.
bool FrontDoor::drain_message() {
    ++counts_.dropped_too_many_frames;
    while (receive_frame(&routing_id_))
        if (!zmq_msg_more(&routing_id_)) return true;
    return false;
}

bool FrontDoor::receive(ConnectionId& from, ZmqInbound& message) {
    while (true) {
        if (!receive_frame(&routing_id_)) return false;
        from.value.assign(static_cast<const char*>(zmq_msg_data(&routing_id_)), zmq_msg_size(&routing_id_));
        message.clear();
        bool more = zmq_msg_more(&routing_id_) != 0;
        while (more && message.frames() < limits::kMaxFramesPerMessage) {
            zmq_msg_t* slot = message.next_slot();
            if (!receive_frame(slot)) return false;
            more = zmq_msg_more(slot) != 0;
            message.accept();
        }
        ++counts_.messages_received;
        counts_.bytes_received += message.total_bytes();
        if (!more) return true;
        message.clear();
        if (!drain_message()) return false;
    }
}

bool FrontDoor::send_frames(Send& answer, const std::shared_ptr<void>& receipt) {
    const std::string& to = answer.to.value;
    if (zmq_send(socket_, to.data(), to.size(), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
        ++(errno == EHOSTUNREACH ? counts_.dropped_unroutable : counts_.dropped_unread);
        return false;
    }
    // From here on the ROUTER takes the frames without waiting.
    zmq_msg_t frame;
    const bool shared = receipt && (answer.body.empty() || answer.header.size() >= kSharedHeaderBytes);
    bool made = shared ? init_shared_message(frame, SharedBytes::take(std::move(answer.header)), receipt)
                       : init_copied_message(frame, answer.header);
    for (std::size_t next = 0;; ++next) {
        if (!made) zmq_msg_init(&frame);  // out of memory: an empty frame keeps the message's shape
        const bool last = next == answer.body.size();
        if (zmq_msg_send(&frame, socket_, last ? 0 : ZMQ_SNDMORE) < 0) {
            zmq_msg_close(&frame);
            ++counts_.dropped_unroutable;
            return false;
        }
        if (last) break;
        made = init_shared_message(frame, std::move(answer.body[next]), receipt);
    }
    ++counts_.answers_sent;
    return true;
}

bool FrontDoor::send(Send&& answer, std::uint64_t now_ms) {
    std::size_t wire_bytes = answer.header.size();
    for (const auto& body : answer.body) wire_bytes += body.size();
    const bool wants_receipt = !answer.body.empty() || answer.header.size() >= kSharedHeaderBytes;
    const auto booking = ledger_.book(answer.to, wire_bytes, answer.reply_bytes, wants_receipt, now_ms);
    if (!booking.accepted) {
        ++counts_.dropped_unread;
        return false;
    }
    send_frames(answer, booking.receipt);
    return true;
}

bool FrontDoor::has_input() {
    int events = 0;
    std::size_t size = sizeof events;
    return zmq_getsockopt(socket_, ZMQ_EVENTS, &events, &size) == 0 && (events & ZMQ_POLLIN) != 0;
}

void FrontDoor::watch_connections() {
    struct [[gnu::packed]] Event {
        std::uint16_t type;
        std::uint32_t value;
    };
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    while (zmq_msg_recv(&frame, monitor_, ZMQ_DONTWAIT) >= 0) {
        Event event{};
        std::memcpy(&event, zmq_msg_data(&frame), std::min(sizeof event, zmq_msg_size(&frame)));
        if (event.type == ZMQ_EVENT_ACCEPTED) {
            ++counts_.connections;
            ++counts_.connections_accepted;
        } else if (event.type == ZMQ_EVENT_DISCONNECTED) {
            if (counts_.connections > 0) --counts_.connections;
        } else if (event.type != ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
            ++counts_.handshakes_failed;
        }
        while (zmq_msg_more(&frame) && zmq_msg_recv(&frame, monitor_, ZMQ_DONTWAIT) >= 0) {
        }
    }
    zmq_msg_close(&frame);
    apply_connection_limit();
}

void FrontDoor::apply_connection_limit() {
    const bool full = counts_.connections >= options_.max_connections;
    if (full == counts_.holding_connections) return;
    if (hold_connections(listen_fd_, full)) counts_.holding_connections = full;
}

FrontDoor::Statistics FrontDoor::statistics() const {
    Statistics now = counts_;
    now.unread_bytes = ledger_.outstanding_bytes();
    return now;
}

}  // namespace sedge::node
