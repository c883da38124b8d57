#include "node/core/member_codec.h"

#include "node/core/gossip_message.h"

namespace sedge::node {

void encode_member(const Member& member, MsgpackWriter& writer) {
    writer.array(11);
    writer.uint(member.id.value);
    writer.uint(member.incarnation);
    writer.uint(static_cast<std::uint64_t>(member.state));
    writer.str(member.facts.name);
    writer.str(member.facts.client_address);
    writer.str(member.facts.peer_address);
    writer.str(member.facts.stream_address);
    writer.str(member.facts.version);
    writer.map(static_cast<std::uint32_t>(member.facts.labels.size()));
    for (const auto& [key, value] : member.facts.labels) {
        writer.str(key);
        writer.str(value);
    }
    writer.uint(member.facts.start_nonce);
    writer.uint(member.facts.acceptor.value);
}

namespace {

bool read_text(MsgpackReader& reader, std::string& out) {
    const auto text = reader.str();
    if (!text || text->size() > gossip_limits::kMaxTextBytes) return false;
    out = *text;
    return true;
}

bool read_labels(MsgpackReader& reader, NodeFacts& facts) {
    const auto size = reader.map();
    if (!size || *size > gossip_limits::kMaxLabels) return false;
    for (std::uint32_t i = 0; i < *size; ++i) {
        std::pair<std::string, std::string> label;
        if (!read_text(reader, label.first) || !read_text(reader, label.second)) return false;
        facts.labels.push_back(std::move(label));
    }
    return true;
}

}  // namespace

bool read_member(MsgpackReader& reader, Member& member) {
    if (reader.array() != 11u) return false;
    const auto id = reader.uint();
    const auto incarnation = reader.uint();
    const auto state = reader.uint();
    if (!id || !incarnation || !state || *state > static_cast<std::uint64_t>(MemberState::left)) return false;
    member.id = NodeId{*id};
    member.incarnation = *incarnation;
    member.state = static_cast<MemberState>(*state);
    NodeFacts& facts = member.facts;
    if (!read_text(reader, facts.name) || !read_text(reader, facts.client_address) || !read_text(reader, facts.peer_address) ||
        !read_text(reader, facts.stream_address) || !read_text(reader, facts.version) || !read_labels(reader, facts))
        return false;
    const auto nonce = reader.uint();
    const auto acceptor = reader.uint();
    if (!nonce || !acceptor) return false;
    facts.start_nonce = *nonce;
    facts.acceptor = AcceptorId{*acceptor};
    return true;
}

Buffer encode_members(const std::vector<Member>& members) {
    Buffer out;
    MsgpackWriter writer(out);
    writer.array(static_cast<std::uint32_t>(members.size()));
    for (const Member& member : members) encode_member(member, writer);
    return out;
}

std::optional<std::vector<Member>> decode_members(ByteView bytes) {
    MsgpackReader reader(bytes);
    const auto size = reader.array();
    if (!size || *size > gossip_limits::kMaxMembers) return std::nullopt;
    std::vector<Member> members(*size);
    for (Member& each : members)
        if (!read_member(reader, each)) return std::nullopt;
    return reader.at_end() ? std::optional(std::move(members)) : std::nullopt;
}

}  // namespace sedge::node
