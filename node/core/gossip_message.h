// What nodes say to each other about membership. Every message carries rumours on its back.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "node/core/member.h"
#include "schema/bytes.h"

namespace sedge::node {

struct Ping {
    std::uint64_t sequence = 0;
    NodeId target;  // a ping that reaches another node (an address was given to somebody else) is not answered
};

// "Please ping `target` for me": answered by an Ack when it answered, by a Nack when it did not in time.
struct IndirectPing {
    std::uint64_t sequence = 0;
    NodeId target;
};

struct Ack {
    std::uint64_t sequence = 0;
};

struct Nack {
    std::uint64_t sequence = 0;
};

// Anti-entropy: "this is the fingerprint of all that I know". If it differs, the other answers with everything, and asks back.
struct Digest {
    std::uint64_t fingerprint = 0;
};

struct FullState {
    bool answer_wanted = false;  // the rumours of this message are everything that the sender knows
};

struct GossipMessage {
    std::variant<Ping, IndirectPing, Ack, Nack, Digest, FullState> body;
    std::vector<Member> rumours;
};

void encode_gossip(const GossipMessage& message, Buffer& out);
// nullopt if the bytes are no such message; bounded by gossip_limits.
std::optional<GossipMessage> decode_gossip(ByteView bytes);

namespace gossip_limits {
inline constexpr std::size_t kMaxMembers = 512;       // in one message and in a table
inline constexpr std::size_t kMaxTextBytes = 256;     // a name, an address, a label
inline constexpr std::size_t kMaxLabels = 32;
}  // namespace gossip_limits

}  // namespace sedge::node
