#include "node/core/join_message.h"

#include "node/core/gossip_message.h"
#include "node/core/member_codec.h"

namespace sedge::node {

void encode_join_request(const JoinRequest& request, Buffer& out) {
    MsgpackWriter writer(out);
    encode_member(request.self, writer);
}

void encode_join_answer(const JoinAnswer& answer, Buffer& out) {
    MsgpackWriter writer(out);
    writer.array(3);
    writer.str(answer.refused);
    writer.str(answer.mesh_id);
    writer.array(static_cast<std::uint32_t>(answer.members.size()));
    for (const Member& member : answer.members) encode_member(member, writer);
}

std::optional<JoinRequest> decode_join_request(ByteView bytes) {
    MsgpackReader reader(bytes);
    JoinRequest request;
    return read_member(reader, request.self) && reader.at_end() ? std::optional(std::move(request)) : std::nullopt;
}

std::optional<JoinAnswer> decode_join_answer(ByteView bytes) {
    constexpr std::size_t kMeshIdBytes = 32;
    MsgpackReader reader(bytes);
    if (reader.array() != 3u) return std::nullopt;
    const auto refused = reader.str();
    const auto mesh_id = reader.str();
    const auto size = reader.array();
    if (!refused || !mesh_id || !size || *size > gossip_limits::kMaxMembers) return std::nullopt;
    if (refused->empty() && mesh_id->size() != kMeshIdBytes) return std::nullopt;
    JoinAnswer answer{std::string(*refused), std::string(*mesh_id), std::vector<Member>(*size)};
    for (Member& member : answer.members)
        if (!read_member(reader, member)) return std::nullopt;
    return reader.at_end() ? std::optional(std::move(answer)) : std::nullopt;
}

}  // namespace sedge::node
