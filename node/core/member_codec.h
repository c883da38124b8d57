// How a member is written into messages and into the journal.
#pragma once

#include "node/core/member.h"
#include "schema/msgpack.h"

namespace sedge::node {

void encode_member(const Member& member, MsgpackWriter& writer);
// False if it is malformed or beyond gossip_limits.
bool read_member(MsgpackReader& reader, Member& member);

}  // namespace sedge::node
