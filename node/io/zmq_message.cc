#include "node/io/zmq_message.h"

#include <cstring>
#include <utility>

namespace sedge::node {
namespace {

// A zmq message that has left its slot.
struct OwnedMessage {
    explicit OwnedMessage(zmq_msg_t& from) {
        zmq_msg_init(&message);
        zmq_msg_move(&message, &from);
    }
    ~OwnedMessage() { zmq_msg_close(&message); }
    OwnedMessage(const OwnedMessage&) = delete;
    OwnedMessage& operator=(const OwnedMessage&) = delete;
    zmq_msg_t message;
};

struct Lent {
    SharedBytes bytes;
    std::shared_ptr<void> keepalive;
};

extern "C" void give_back(void*, void* hint) { const std::unique_ptr<Lent> owner(static_cast<Lent*>(hint)); }

MutableBytes view_of(zmq_msg_t& message) {
    return {static_cast<std::byte*>(zmq_msg_data(&message)), zmq_msg_size(&message)};
}

}  // namespace

ZmqInbound::ZmqInbound() {
    for (auto& frame : frames_) zmq_msg_init(&frame);
}

ZmqInbound::~ZmqInbound() {
    for (auto& frame : frames_) zmq_msg_close(&frame);
}

void ZmqInbound::accept() {
    views_[count_] = view_of(frames_[count_]);
    total_bytes_ += views_[count_].size();
    ++count_;
}

void ZmqInbound::clear() {
    // Receiving into a slot closes what it held; so only a slot with a shared copy has something to do now.
    for (std::size_t i = 0; i < count_; ++i)
        if (shared_[i].owner()) shared_[i] = {};
    count_ = 0;
    total_bytes_ = 0;
}

SharedBytes ZmqInbound::share(std::size_t frame) {
    SharedBytes& shared = shared_[frame];
    if (shared.owner()) return shared;
    if (views_[frame].size() <= kCopyBytes) {
        const auto copy = std::make_shared<Buffer>(views_[frame].begin(), views_[frame].end());
        views_[frame] = *copy;
        shared = SharedBytes(copy, *copy);
    } else {
        const auto owner = std::make_shared<OwnedMessage>(frames_[frame]);
        views_[frame] = view_of(owner->message);
        shared = SharedBytes(owner, views_[frame]);
    }
    return shared;
}

bool init_shared_message(zmq_msg_t& message, SharedBytes bytes, std::shared_ptr<void> keepalive) {
    const ByteView view = bytes.view();
    auto lent = std::make_unique<Lent>(Lent{std::move(bytes), std::move(keepalive)});
    // zmq does not write to a message that it sends.
    if (zmq_msg_init_data(&message, const_cast<std::byte*>(view.data()), view.size(), give_back, lent.get()) != 0) return false;
    static_cast<void>(lent.release());  // give_back owns it now
    return true;
}

bool init_copied_message(zmq_msg_t& message, ByteView bytes) {
    if (zmq_msg_init_size(&message, bytes.size()) != 0) return false;
    if (!bytes.empty()) std::memcpy(zmq_msg_data(&message), bytes.data(), bytes.size());
    return true;
}

}  // namespace sedge::node
