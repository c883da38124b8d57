#include "node/core/gossip_message.h"

#include "node/core/member_codec.h"
#include "schema/msgpack.h"

namespace sedge::node {
namespace {

// The body's place in the variant is its number on the wire.
constexpr std::size_t kPing = 0, kIndirectPing = 1, kAck = 2, kNack = 3, kDigest = 4, kFullState = 5;

// Every body is at most two numbers.
std::pair<std::uint64_t, std::uint64_t> numbers_of(const GossipMessage& message) {
    if (const auto* ping = std::get_if<Ping>(&message.body)) return {ping->sequence, ping->target.value};
    if (const auto* ping = std::get_if<IndirectPing>(&message.body)) return {ping->sequence, ping->target.value};
    if (const auto* ack = std::get_if<Ack>(&message.body)) return {ack->sequence, 0};
    if (const auto* nack = std::get_if<Nack>(&message.body)) return {nack->sequence, 0};
    if (const auto* digest = std::get_if<Digest>(&message.body)) return {digest->fingerprint, 0};
    return {std::get<FullState>(message.body).answer_wanted ? 1 : 0, 0};
}

bool set_body(GossipMessage& message, std::uint64_t kind, std::uint64_t first, std::uint64_t second) {
    switch (kind) {
        case kPing: message.body = Ping{first, NodeId{second}}; return true;
        case kIndirectPing: message.body = IndirectPing{first, NodeId{second}}; return true;
        case kAck: message.body = Ack{first}; return true;
        case kNack: message.body = Nack{first}; return true;
        case kDigest: message.body = Digest{first}; return true;
        case kFullState: message.body = FullState{first != 0}; return true;
        default: return false;
    }
}

}  // namespace

void encode_gossip(const GossipMessage& message, Buffer& out) {
    MsgpackWriter writer(out);
    const auto [first, second] = numbers_of(message);
    writer.array(4);
    writer.uint(message.body.index());
    writer.uint(first);
    writer.uint(second);
    writer.array(static_cast<std::uint32_t>(message.rumours.size()));
    for (const Member& member : message.rumours) encode_member(member, writer);
}

std::optional<GossipMessage> decode_gossip(ByteView bytes) {
    MsgpackReader reader(bytes);
    if (reader.array() != 4u) return std::nullopt;
    const auto kind = reader.uint();
    const auto first = reader.uint();
    const auto second = reader.uint();
    const auto size = reader.array();
    GossipMessage message;
    if (!kind || !first || !second || !size || !set_body(message, *kind, *first, *second)) return std::nullopt;
    if (*size > gossip_limits::kMaxMembers) return std::nullopt;
    for (std::uint32_t i = 0; i < *size; ++i) {
        Member member;
        if (!read_member(reader, member)) return std::nullopt;
        message.rumours.push_back(std::move(member));
    }
    return reader.at_end() ? std::optional(std::move(message)) : std::nullopt;
}

}  // namespace sedge::node
