// The client's side of a measurement, straight on a zmq socket: the same loop drives the limit and the broker, so that what the
// client costs is the same in both.
#pragma once

#include <cstdint>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "client/cli/bench_measure.h"
#include "schema/bytes.h"
#include "schema/request.h"
#include "schema/status.h"

namespace sedge::cli {

// Nothing here waits longer than this for a message.
inline constexpr int kGiveUpMs = 60'000;

// A DEALER that is good for a benchmark: no high-water mark (the window bounds what is under way), and a receive that gives up
// after a while instead of hanging for ever.
zmq::socket_t make_dealer(zmq::context_t& context, const std::string& endpoint);

// Which of the requests an answer is for.
struct Answered {
    std::uint64_t first = 0;  // counted from 0
    std::uint64_t count = 1;
};

// Work with a window: `count` requests, never more than `depth` of them unanswered.
class Load {
  public:
    virtual ~Load() = default;
    // Sends request `i`.
    virtual void send(zmq::socket_t& socket, std::uint64_t i) = 0;
    // Reads an answer, whose first frame is `frame` (further ones are dropped).
    virtual Result<Answered> answered(const zmq::message_t& frame) = 0;
};

// Does the work and measures it; `figures.bytes` and `.records` are the caller's to correct if a request is not one record.
Result<Figures> drive(zmq::socket_t& socket, Load& load, std::uint64_t count, std::uint64_t depth);

// A request that is sent often with nothing but its id changed.
class RequestTemplate {
  public:
    // `payload` follows the header in the same frame.
    explicit RequestTemplate(const RequestBody& body, ByteView payload = {});
    zmq::message_t make(std::uint64_t i) const;
    std::size_t size_bytes() const { return bytes_.size(); }

    // Between the number of a request here and its correlation id: ids so large are all written in the same width.
    static constexpr std::uint64_t kFirstId = 1ull << 32;

  private:
    Buffer bytes_;
    std::size_t id_at_ = 0;
};

}  // namespace sedge::cli
