// The sockets' limits.
#include <algorithm>
#include <functional>
#include <thread>
#include <zmq.hpp>

#include "client/cli/bench_driver.h"
#include "client/cli/bench_limits.h"

namespace sedge::cli {
namespace {

constexpr const char* kAnyLoopbackPort = "tcp://127.0.0.1:*";
// Frames that the stream's sender may be ahead; enough that the receiver never waits for it.
constexpr int kStreamAhead = 64;

zmq::socket_t make_router(zmq::context_t& context, int ahead) {
    zmq::socket_t router(context, zmq::socket_type::router);
    router.set(zmq::sockopt::sndhwm, ahead);
    router.set(zmq::sockopt::rcvhwm, ahead);
    router.set(zmq::sockopt::linger, 0);
    router.set(zmq::sockopt::router_mandatory, true);
    router.set(zmq::sockopt::rcvtimeo, kGiveUpMs);
    router.bind(kAnyLoopbackPort);
    return router;
}

void echo(zmq::socket_t router, std::uint64_t count) {
    zmq::message_t identity, body;
    for (std::uint64_t i = 0; i < count; ++i) {
        if (!router.recv(identity) || !router.recv(body)) return;  // gives up after a while, as the client does
        router.send(identity, zmq::send_flags::sndmore);
        router.send(body, zmq::send_flags::none);
    }
    // The last answers must leave before the socket may be closed.
    (void)router.recv(identity);
}

void stream(zmq::socket_t router, std::uint64_t frames, const std::vector<std::byte>& frame) {
    zmq::message_t identity, request;
    (void)router.recv(identity);
    (void)router.recv(request);
    const auto keep = [](void*, void*) {};
    for (std::uint64_t i = 0; i < frames; ++i) {
        zmq::message_t to(identity.data(), identity.size());
        // The bytes are lent, not copied, and outlive the context.
        zmq::message_t body(const_cast<std::byte*>(frame.data()), frame.size(), keep);
        router.send(to, zmq::send_flags::sndmore);
        router.send(body, zmq::send_flags::none);
    }
    (void)router.recv(identity);
}

class EchoLoad : public Load {
  public:
    explicit EchoLoad(std::size_t bytes) : bytes_(bytes) {}
    void send(zmq::socket_t& socket, std::uint64_t) override {
        socket.send(zmq::message_t(bytes_.data(), bytes_.size()), zmq::send_flags::none);
    }
    // A ROUTER answers a DEALER in the order of the questions.
    Result<Answered> answered(const zmq::message_t&) override { return Answered{next_++, 1}; }

  private:
    std::vector<std::byte> bytes_;
    std::uint64_t next_ = 0;
};

}  // namespace

Result<Figures> measure_echo(std::uint64_t count, std::uint64_t depth, std::size_t bytes) try {
    zmq::context_t server_context, client_context;
    auto router = make_router(server_context, 0);
    const auto endpoint = router.get(zmq::sockopt::last_endpoint);
    std::jthread server(echo, std::move(router), count + 1);
    auto dealer = make_dealer(client_context, endpoint);
    EchoLoad first(bytes);
    const auto connected = drive(dealer, first, 1, 1);  // connecting is not part of the measurement
    if (!connected.ok()) return connected;
    EchoLoad load(bytes);
    auto figures = drive(dealer, load, count, depth);
    if (figures.ok()) figures.value().bytes = count * bytes;
    dealer.send(zmq::message_t(), zmq::send_flags::none);
    return figures;
} catch (const zmq::error_t& error) {
    return Status{ErrorCode::unreachable, std::string("echo: ") + error.what()};
}

Result<Figures> measure_stream(std::uint64_t total_bytes, std::size_t frame_bytes) try {
    const std::vector<std::byte> frame(frame_bytes, std::byte{'s'});
    const std::uint64_t frames = std::max<std::uint64_t>(1, total_bytes / frame_bytes);
    zmq::context_t server_context, client_context;
    auto router = make_router(server_context, kStreamAhead);
    const auto endpoint = router.get(zmq::sockopt::last_endpoint);
    std::jthread server(stream, std::move(router), frames, std::cref(frame));
    auto dealer = make_dealer(client_context, endpoint);
    dealer.send(zmq::message_t(), zmq::send_flags::none);

    Figures figures;
    zmq::message_t received;
    (void)dealer.recv(received);  // connecting is not part of the measurement
    const auto start = clock_ns();
    for (std::uint64_t i = 1; i < frames && dealer.recv(received); ++i) figures.bytes += received.size();
    figures.seconds = static_cast<double>(clock_ns() - start) / kNsPerSecond;
    figures.records = figures.bytes / frame_bytes;
    dealer.send(zmq::message_t(), zmq::send_flags::none);
    return figures;
} catch (const zmq::error_t& error) {
    return Status{ErrorCode::unreachable, std::string("stream: ") + error.what()};
}

}  // namespace sedge::cli
