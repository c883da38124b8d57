// The first frame of every message between nodes: which mesh, from whom, to whom, and what kind of message follows.
//
//   frame 1 = msgpack [version, mesh_id, from, from_nonce, to, kind, payload]; further frames: record batches
//   payload = bin, by kind; see the header that is named beside it
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "node/core/member.h"
#include "schema/bytes.h"

namespace sedge::node {

inline constexpr std::uint32_t kPeerVersion = 1;

// The numbers are on the wire: never change or reuse one.
enum class PeerKind : std::uint8_t {
    gossip = 1,            // gossip_message.h
    register_request = 2,  // register_codec.h: to an acceptor
    register_reply = 3,    // register_codec.h: from an acceptor
    register_news = 4,     // register_codec.h: values that were chosen
    register_digest = 5,   // register_codec.h: what the sender knows of them
    follow = 6,            // replica_messages.h: a follower asks its leaders for records
    chunks = 7,            // replica_messages.h: a leader's records; the batches are the frames behind
    progress = 8,          // replica_messages.h: a follower's durable ends
    forward_request = 9,   // forward_message.h: a client's request, for the node that can answer it
    forward_reply = 10,    // forward_message.h
    join_request = 11,     // join_message.h: from a node that has no mesh yet
    join_answer = 12,      // join_message.h
};

struct PeerEnvelope {
    std::uint32_t version = kPeerVersion;
    std::string_view mesh_id;  // empty: the sender has none yet (join_request)
    NodeId from;
    std::uint64_t from_nonce = 0;  // of the sender's start
    NodeId to;                 // 0: whoever listens at this address (join_request)
    PeerKind kind = PeerKind::gossip;
    ByteView payload;          // a view into the frame
};

void encode_peer_envelope(const PeerEnvelope& envelope, Buffer& out);
// nullopt if the bytes are no envelope. A newer version's envelope is read as far as it is this one's; `version` says so.
std::optional<PeerEnvelope> decode_peer_envelope(ByteView frame);

}  // namespace sedge::node
