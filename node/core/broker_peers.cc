// Messages between nodes: checked and handed to the part that they are for.
#include "node/core/broker_state.h"
#include "node/core/peer_envelope.h"

namespace sedge::node {

void Broker::on_peer_message(Now, InboundMessage& message) {
    State& s = *state_;
    const auto envelope = message.frames() == 0 ? std::nullopt : decode_peer_envelope(message.bytes(0));
    if (!envelope || envelope->mesh_id != s.options.mesh_id) ++s.counters.undecodable;
}

void Broker::on_peer_lost(Now, NodeId) {}

}  // namespace sedge::node
