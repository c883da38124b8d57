#include "node/io/peer_door.h"

#include <zmq.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "node/io/listener.h"
#include "schema/limits.h"

namespace sedge::node {
namespace {

constexpr int kBacklog = 64;
constexpr int kQueueMessages = 20'000;  // the bytes are the real limit
constexpr int kReconnectMs = 50, kMostReconnectMs = 1'000;
constexpr int kKeepaliveIdleS = 5, kKeepaliveIntervalS = 2, kKeepaliveProbes = 3;
constexpr int kStuckPeerMs = 30'000;
constexpr std::size_t kCountedBytes = 1024;  // smaller messages are bounded by their number
constexpr int kLinkEvents = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED;

Status zmq_failure(const std::string& what) { return {ErrorCode::storage_failed, what + ": " + zmq_strerror(zmq_errno())}; }

int descriptor_of(void* socket) {
    int fd = -1;
    std::size_t size = sizeof fd;
    return zmq_getsockopt(socket, ZMQ_FD, &fd, &size) == 0 ? fd : -1;
}

void set(void* socket, int option, int value) { zmq_setsockopt(socket, option, &value, sizeof value); }

void set_common(void* socket, const PeerDoorOptions& options) {
    set(socket, ZMQ_IPV6, 1);
    set(socket, ZMQ_LINGER, options.linger_ms);
    set(socket, ZMQ_SNDHWM, kQueueMessages);
    set(socket, ZMQ_RCVHWM, kQueueMessages);
    const auto max_frame = static_cast<std::int64_t>(limits::kMaxFrameBytes);
    zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &max_frame, sizeof max_frame);
    set(socket, ZMQ_HANDSHAKE_IVL, options.handshake_timeout_ms);
    // TCP's own keepalive, not ZMQ_HEARTBEAT_*: libzmq 4.3.4 can abort on the heartbeat of a connection that has ended. That a peer is
    // silent the core notices by itself.
    set(socket, ZMQ_TCP_KEEPALIVE, 1);
    set(socket, ZMQ_TCP_KEEPALIVE_IDLE, kKeepaliveIdleS);
    set(socket, ZMQ_TCP_KEEPALIVE_INTVL, kKeepaliveIntervalS);
    set(socket, ZMQ_TCP_KEEPALIVE_CNT, kKeepaliveProbes);
    set(socket, ZMQ_TCP_MAXRT, kStuckPeerMs);
}

// Counts a message's bytes as waiting until zmq lets go of its frames.
class Receipt {
  public:
    Receipt(std::shared_ptr<std::atomic<std::size_t>> waiting, std::size_t bytes) : waiting_(std::move(waiting)), bytes_(bytes) {
        waiting_->fetch_add(bytes_);
    }
    ~Receipt() { waiting_->fetch_sub(bytes_); }
    Receipt(const Receipt&) = delete;
    Receipt& operator=(const Receipt&) = delete;

  private:
    std::shared_ptr<std::atomic<std::size_t>> waiting_;
    const std::size_t bytes_;
};

}  // namespace

Result<std::unique_ptr<PeerDoor>> PeerDoor::open(const PeerDoorOptions& options) {
    auto door = std::make_unique<PeerDoor>(options);
    if (auto status = door->start(); !status.ok()) return status;
    return door;
}

PeerDoor::PeerDoor(const PeerDoorOptions& options) : options_(options) {}

PeerDoor::~PeerDoor() {
    for (auto& [address, link] : links_) close(link);
    if (socket_ != nullptr) zmq_close(socket_);
    if (context_ != nullptr) zmq_ctx_term(context_);
}

Status PeerDoor::start() {
    auto listener = Listener::open(options_.listen, kBacklog);
    if (!listener.ok()) return {listener.status().code, listener.status().message + " (for peers; see --peer-listen)"};
    address_ = listener->address();
    context_ = zmq_ctx_new();
    if (context_ == nullptr) return zmq_failure("zmq context");
    zmq_ctx_set(context_, ZMQ_IO_THREADS, 1);
    socket_ = zmq_socket(context_, ZMQ_ROUTER);
    if (socket_ == nullptr) return zmq_failure("zmq socket");
    set_common(socket_, options_);
    set(socket_, ZMQ_USE_FD, listener->fd());
    if (zmq_bind(socket_, ("tcp://*:" + std::to_string(address_.port)).c_str()) != 0)
        return zmq_failure("listening for peers on " + to_string(address_));
    listener->release();
    fd_ = descriptor_of(socket_);
    return fd_ < 0 ? zmq_failure("zmq descriptor") : Status{};
}

// --- Receiving ---

bool PeerDoor::receive(ZmqInbound& message) {
    const auto receive_frame = [this](zmq_msg_t* frame) {
        int size;
        do size = zmq_msg_recv(frame, socket_, ZMQ_DONTWAIT);
        while (size < 0 && errno == EINTR);
        return size >= 0;
    };
    while (true) {
        message.clear();
        zmq_msg_t* slot = message.next_slot();
        if (!receive_frame(slot)) return false;  // who sent it, as zmq knows it: the envelope says who it is
        bool more = zmq_msg_more(slot) != 0;
        while (more && message.frames() < limits::kMaxFramesPerMessage) {
            slot = message.next_slot();
            if (!receive_frame(slot)) return false;
            more = zmq_msg_more(slot) != 0;
            message.accept();
        }
        ++counts_.messages_received;
        counts_.bytes_received += message.total_bytes();
        if (!more) return true;
        ++counts_.dropped;
        zmq_msg_t rest;
        zmq_msg_init(&rest);
        while (receive_frame(&rest) && zmq_msg_more(&rest)) {
        }
        zmq_msg_close(&rest);
    }
}

bool PeerDoor::has_input() {
    int events = 0;
    std::size_t size = sizeof events;
    return zmq_getsockopt(socket_, ZMQ_EVENTS, &events, &size) == 0 && (events & ZMQ_POLLIN) != 0;
}

// --- Links ---

PeerDoor::Link* PeerDoor::link_to(const SendPeer& message, std::uint64_t now_ms) {
    auto found = links_.find(message.address);
    if (found == links_.end()) {
        if (links_.size() >= options_.max_peers) close_idlest();
        Link link;
        if (!connect(link, message.address)) {
            close(link);
            return nullptr;
        }
        found = links_.emplace(message.address, std::move(link)).first;
        list_monitors();
    }
    found->second.node = message.to;
    found->second.used_ms = now_ms;
    return &found->second;
}

bool PeerDoor::connect(Link& link, const std::string& address) {
    link.waiting = std::make_shared<std::atomic<std::size_t>>(0);
    link.socket = zmq_socket(context_, ZMQ_DEALER);
    if (link.socket == nullptr) return false;
    set_common(link.socket, options_);
    set(link.socket, ZMQ_RECONNECT_IVL, kReconnectMs);
    set(link.socket, ZMQ_RECONNECT_IVL_MAX, kMostReconnectMs);
    const std::string endpoint = "inproc://sedge.peer." + std::to_string(++links_made_);
    if (zmq_socket_monitor(link.socket, endpoint.c_str(), kLinkEvents) != 0) return false;
    link.monitor = zmq_socket(context_, ZMQ_PAIR);
    if (link.monitor == nullptr) return false;
    set(link.monitor, ZMQ_RCVHWM, 0);  // a full queue would block the I/O thread
    set(link.monitor, ZMQ_LINGER, 0);
    if (zmq_connect(link.monitor, endpoint.c_str()) != 0) return false;
    link.monitor_fd = descriptor_of(link.monitor);
    return link.monitor_fd >= 0 && zmq_connect(link.socket, address.c_str()) == 0;
}

void PeerDoor::close(Link& link) {
    // The events end before their reader goes; see FrontDoor.
    if (link.socket != nullptr) zmq_socket_monitor(link.socket, nullptr, 0);
    if (link.monitor != nullptr) zmq_close(link.monitor);
    if (link.socket != nullptr) zmq_close(link.socket);
}

void PeerDoor::close_idlest() {
    const auto idlest = std::min_element(links_.begin(), links_.end(),
                                         [](const auto& a, const auto& b) { return a.second.used_ms < b.second.used_ms; });
    close(idlest->second);
    links_.erase(idlest);
    list_monitors();
}

void PeerDoor::list_monitors() {
    monitor_fds_.clear();
    for (const auto& [address, link] : links_) monitor_fds_.push_back(link.monitor_fd);
}

void PeerDoor::watch_links(std::uint64_t now_ms, const std::function<void(NodeId)>& lost) {
    bool closed = false;
    for (auto at = links_.begin(); at != links_.end();) {
        Link& link = at->second;
        zmq_msg_t frame;
        zmq_msg_init(&frame);
        while (zmq_msg_recv(&frame, link.monitor, ZMQ_DONTWAIT) >= 0) {
            std::uint16_t event = 0;
            std::memcpy(&event, zmq_msg_data(&frame), std::min(sizeof event, zmq_msg_size(&frame)));
            while (zmq_msg_more(&frame) && zmq_msg_recv(&frame, link.monitor, ZMQ_DONTWAIT) >= 0) {
            }
            const bool was_connected = std::exchange(link.connected, event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
            if (!was_connected || link.connected) continue;
            ++counts_.connections_lost;
            lost(link.node);
        }
        zmq_msg_close(&frame);
        if (now_ms < link.used_ms + options_.idle_ms) {
            ++at;
            continue;
        }
        close(link);
        at = links_.erase(at);
        closed = true;
    }
    if (closed) list_monitors();
}

// --- Sending ---

void PeerDoor::send(SendPeer&& message, std::uint64_t now_ms) {
    std::size_t bytes = message.header.size();
    for (const SharedBytes& each : message.body) bytes += each.size();
    Link* link = link_to(message, now_ms);
    const std::size_t most = link != nullptr && link->connected ? options_.max_waiting_bytes : options_.max_unconnected_bytes;
    if (link == nullptr || link->waiting->load() + bytes > most) {
        ++counts_.dropped;
        return;
    }
    std::shared_ptr<void> receipt;
    if (bytes >= kCountedBytes) receipt = std::make_shared<Receipt>(link->waiting, bytes);
    zmq_msg_t frame;
    bool made = receipt && message.body.empty() ? init_shared_message(frame, SharedBytes::take(std::move(message.header)), receipt)
                                                : init_copied_message(frame, message.header);
    for (std::size_t next = 0;; ++next) {
        if (!made) zmq_msg_init(&frame);  // out of memory: an empty frame keeps the message's shape
        const bool last = next == message.body.size();
        if (zmq_msg_send(&frame, link->socket, ZMQ_DONTWAIT | (last ? 0 : ZMQ_SNDMORE)) < 0) {
            zmq_msg_close(&frame);
            ++counts_.dropped;
            return;
        }
        if (last) break;
        made = init_shared_message(frame, std::move(message.body[next]), receipt);
    }
    ++counts_.messages_sent;
    counts_.bytes_sent += bytes;
}

PeerDoor::Statistics PeerDoor::statistics() const {
    Statistics now = counts_;
    now.links = links_.size();
    now.connected = static_cast<std::size_t>(
        std::count_if(links_.begin(), links_.end(), [](const auto& each) { return each.second.connected; }));
    return now;
}

}  // namespace sedge::node
