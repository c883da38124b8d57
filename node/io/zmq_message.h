// Frames of zmq messages that the core may read, patch and keep; and frames of ours that zmq may send without a copy.
#pragma once

#include <zmq.h>

#include <array>
#include <cstddef>
#include <memory>

#include "node/core/broker.h"
#include "schema/limits.h"

namespace sedge::node {

// One received message. Reused for every message: clear() makes it empty again. Event loop only.
class ZmqInbound : public InboundMessage {
  public:
    ZmqInbound();
    ~ZmqInbound() override;
    ZmqInbound(const ZmqInbound&) = delete;
    ZmqInbound& operator=(const ZmqInbound&) = delete;

    std::size_t frames() const override { return count_; }
    MutableBytes bytes(std::size_t frame) override { return views_[frame]; }
    // Frames up to kCopyBytes are copied: libzmq receives small frames in blocks of 8 KB, and a kept frame of 100 bytes would
    // keep its whole block. bytes(frame) is then the copy: ask for it again, or share before patching.
    SharedBytes share(std::size_t frame) override;

    static constexpr std::size_t kCopyBytes = 8192;

    void clear();
    // Where the next frame is to be received; committed by accept(). Requires frames() < limits::kMaxFramesPerMessage.
    zmq_msg_t* next_slot() { return &frames_[count_]; }
    void accept();
    std::size_t total_bytes() const { return total_bytes_; }

  private:
    std::array<zmq_msg_t, limits::kMaxFramesPerMessage> frames_;
    std::array<MutableBytes, limits::kMaxFramesPerMessage> views_;
    std::array<SharedBytes, limits::kMaxFramesPerMessage> shared_;
    std::size_t count_ = 0;
    std::size_t total_bytes_ = 0;
};

// Makes `message` hold `bytes` without a copy; `keepalive` and `bytes` are let go, on any thread, once zmq is done with the frame.
// False if zmq has no memory for it; then both are let go at once.
bool init_shared_message(zmq_msg_t& message, SharedBytes bytes, std::shared_ptr<void> keepalive);
// A copy, for small frames.
bool init_copied_message(zmq_msg_t& message, ByteView bytes);

}  // namespace sedge::node
