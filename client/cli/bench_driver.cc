#include "client/cli/bench_driver.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>

namespace sedge::cli {
namespace {

constexpr std::size_t kIdBytes = 8;

void put_big_endian(std::byte* to, std::uint64_t value) {
    for (std::size_t i = 0; i < kIdBytes; ++i) to[i] = static_cast<std::byte>(value >> (8 * (kIdBytes - 1 - i)));
}

void drop_further_frames(zmq::socket_t& socket, const zmq::message_t& first) {
    zmq::message_t more;
    for (bool another = first.more(); another; another = more.more()) (void)socket.recv(more);
}

}  // namespace

zmq::socket_t make_dealer(zmq::context_t& context, const std::string& endpoint) {
    zmq::socket_t socket(context, zmq::socket_type::dealer);
    socket.set(zmq::sockopt::sndhwm, 0);
    socket.set(zmq::sockopt::rcvhwm, 0);
    socket.set(zmq::sockopt::linger, 0);
    socket.set(zmq::sockopt::rcvtimeo, kGiveUpMs);
    socket.connect(endpoint);
    return socket;
}

Result<Figures> drive(zmq::socket_t& socket, Load& load, std::uint64_t count, std::uint64_t depth) {
    std::vector<std::uint64_t> sent_at(count);
    Latencies latencies;
    latencies.reserve(count);
    std::uint64_t sent = 0, done = 0;
    zmq::message_t frame;
    const auto start = clock_ns();
    auto now = start;
    while (done < count) {
        while (sent < count && sent - done < depth) {
            sent_at[sent] = now;
            load.send(socket, sent++);
        }
        // One answer is waited for; then all that are there already are taken before more is sent.
        auto received = socket.recv(frame);
        if (!received) return Status{ErrorCode::timed_out, "an answer did not come: " + std::to_string(done) + " of " + std::to_string(count) + " did"};
        now = clock_ns();
        while (received) {
            drop_further_frames(socket, frame);
            const auto answer = load.answered(frame);
            if (!answer.ok()) return answer.status();
            if (answer->first + answer->count > sent) return Status{ErrorCode::bad_request, "an answer to something that was not asked"};
            for (std::uint64_t i = answer->first; i < answer->first + answer->count; ++i) latencies.add(now - sent_at[i]);
            done += answer->count;
            received = socket.recv(frame, zmq::recv_flags::dontwait);
            if (received) now = clock_ns();
        }
    }
    Figures figures;
    figures.records = count;
    figures.seconds = static_cast<double>(clock_ns() - start) / kNsPerSecond;
    latencies.summarise(figures);
    return figures;
}

RequestTemplate::RequestTemplate(const RequestBody& body, ByteView payload) {
    constexpr std::uint64_t kMark = 0x5EED'BE7C'5EED'BE7Cull;
    std::array<std::byte, kIdBytes> mark;
    put_big_endian(mark.data(), kMark);
    encode_request(kMark, body, bytes_);
    const auto found = std::search(bytes_.begin(), bytes_.end(), mark.begin(), mark.end());
    assert(found != bytes_.end());
    id_at_ = static_cast<std::size_t>(found - bytes_.begin());
    bytes_.insert(bytes_.end(), payload.begin(), payload.end());
}

zmq::message_t RequestTemplate::make(std::uint64_t i) const {
    zmq::message_t message(bytes_.data(), bytes_.size());
    put_big_endian(message.data<std::byte>() + id_at_, kFirstId + i);
    return message;
}

}  // namespace sedge::cli
