// How a node without a mesh asks to be let in (DESIGN 5). The envelope of the request has no mesh id and no receiver.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "node/core/member.h"
#include "schema/bytes.h"

namespace sedge::node {

struct JoinRequest {
    Member self;  // the answer goes to its peer_address
};

struct JoinAnswer {
    std::string refused;          // why not, and what to do; empty: let in
    std::string mesh_id;          // 32 hex digits
    std::vector<Member> members;  // whom to talk to, the answering node included
};

void encode_join_request(const JoinRequest& request, Buffer& out);
void encode_join_answer(const JoinAnswer& answer, Buffer& out);
// nullopt if the bytes are none; bounded by gossip_limits.
std::optional<JoinRequest> decode_join_request(ByteView bytes);
std::optional<JoinAnswer> decode_join_answer(ByteView bytes);

}  // namespace sedge::node
