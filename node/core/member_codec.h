// How a member is written into messages and into the journal.
#pragma once

#include <optional>
#include <vector>

#include "node/core/member.h"
#include "schema/bytes.h"
#include "schema/msgpack.h"

namespace sedge::node {

void encode_member(const Member& member, MsgpackWriter& writer);
// False if it is malformed or beyond gossip_limits.
bool read_member(MsgpackReader& reader, Member& member);

Buffer encode_members(const std::vector<Member>& members);
std::optional<std::vector<Member>> decode_members(ByteView bytes);

}  // namespace sedge::node
