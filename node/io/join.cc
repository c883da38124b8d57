#include "node/io/join.h"

#include <poll.h>

#include <algorithm>
#include <array>

#include "node/core/peer_envelope.h"
#include "node/io/log.h"
#include "node/io/node_identity.h"

namespace sedge::node {
namespace {

SendPeer request_to(const JoinOptions& options, const HostPort& member) {
    const HostPort peers{member.host, static_cast<std::uint16_t>(member.port + 1)};
    Buffer payload;
    encode_join_request({options.self}, payload);
    SendPeer request{NodeId{}, "tcp://" + to_string(peers), {}, {}};
    encode_peer_envelope({kPeerVersion, {}, options.self.id, options.start_nonce, NodeId{}, PeerKind::join_request, payload}, request.header);
    return request;
}

// It goes into the data directory, to stay.
bool is_mesh_id(std::string_view text) {
    return text.size() == std::string_view(kNoMesh).size() && text != kNoMesh &&
           text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::optional<JoinAnswer> answer_in(ZmqInbound& message, NodeId self) {
    const auto envelope = message.frames() == 0 ? std::nullopt : decode_peer_envelope(message.bytes(0));
    if (!envelope || envelope->kind != PeerKind::join_answer || envelope->to != self) return std::nullopt;
    auto answer = decode_join_answer(envelope->payload);
    if (answer && answer->refused.empty() && !is_mesh_id(answer->mesh_id)) return std::nullopt;
    return answer;
}

std::string listed(const std::vector<HostPort>& members) {
    std::string out;
    for (const HostPort& each : members) out += (out.empty() ? "" : ",") + to_string(each);
    return out;
}

}  // namespace

Result<JoinAnswer> join_mesh(const JoinOptions& options, PeerDoor& door, WallClock& clock, Signals& signals) {
    log_info("joining", {{"members", listed(options.members)}, {"answers_to", options.self.facts.peer_address}});
    ZmqInbound message;
    std::size_t next = 0;
    std::uint64_t ask_ms = 0, tell_ms = clock.now().monotonic_ms + options.tell_every_ms;
    while (true) {
        const std::uint64_t now_ms = clock.now().monotonic_ms;
        if (now_ms >= ask_ms) {
            door.send(request_to(options, options.members[next++ % options.members.size()]), now_ms);
            ask_ms = now_ms + options.ask_again_ms;
        }
        if (now_ms >= tell_ms) {
            tell_ms = now_ms + options.tell_every_ms;
            log_warning("still_joining", {{"members", listed(options.members)},
                                          {"hint", "is one of them running, and does it reach " + options.self.facts.peer_address + "?"}});
        }
        door.watch_links(now_ms, [](NodeId) {});
        while (door.receive(message)) {
            auto answer = answer_in(message, options.self.id);
            if (!answer) continue;
            if (!answer->refused.empty()) return Status{ErrorCode::invalid_config, "the mesh refuses this node: " + answer->refused};
            return std::move(*answer);
        }
        std::array<pollfd, 2> polled{{{door.fd(), POLLIN, 0}, {signals.fd(), POLLIN, 0}}};
        if (!door.has_input()) ::poll(polled.data(), polled.size(), static_cast<int>(std::min<std::uint64_t>(ask_ms - now_ms, 100)));
        if (signals.next() == Signals::Event::stop) return Status{ErrorCode::shutting_down, "stopped while joining"};
    }
}

}  // namespace sedge::node
