#include "node/core/voter_set.h"

#include <algorithm>

#include "schema/msgpack.h"

namespace sedge::node {
namespace {

constexpr std::size_t kMaxVoters = 9;  // 5 is the largest target; a joint set of strangers must still be bounded

bool majority(const std::vector<AcceptorId>& voters, const std::set<AcceptorId>& votes) {
    const auto in_favour = std::count_if(voters.begin(), voters.end(), [&](AcceptorId id) { return votes.contains(id); });
    return static_cast<std::size_t>(in_favour) * 2 > voters.size();
}

void encode_ids(const std::vector<AcceptorId>& ids, MsgpackWriter& writer) {
    writer.array(static_cast<std::uint32_t>(ids.size()));
    for (const AcceptorId id : ids) writer.uint(id.value);
}

std::optional<std::vector<AcceptorId>> decode_ids(MsgpackReader& reader) {
    const auto size = reader.array();
    if (!size || *size > kMaxVoters) return std::nullopt;
    std::vector<AcceptorId> ids;
    for (std::uint32_t i = 0; i < *size; ++i) {
        const auto id = reader.uint();
        if (!id) return std::nullopt;
        ids.push_back(AcceptorId{*id});
    }
    const bool sorted_once = std::adjacent_find(ids.begin(), ids.end(), std::greater_equal<>()) == ids.end();
    return sorted_once ? std::optional(std::move(ids)) : std::nullopt;
}

}  // namespace

bool VoterSet::contains(AcceptorId id) const {
    return std::binary_search(voters.begin(), voters.end(), id) || std::binary_search(next.begin(), next.end(), id);
}

std::vector<AcceptorId> VoterSet::everyone() const {
    std::vector<AcceptorId> all;
    std::set_union(voters.begin(), voters.end(), next.begin(), next.end(), std::back_inserter(all));
    return all;
}

bool VoterSet::is_quorum(const std::set<AcceptorId>& votes) const {
    return majority(voters, votes) && (next.empty() || majority(next, votes));
}

std::size_t voters_for(std::size_t nodes, std::size_t target) {
    const std::size_t most = std::min(nodes, target);
    return most % 2 == 1 || most == 0 ? most : most - 1;
}

void encode_voter_set(const VoterSet& set, Buffer& out) {
    MsgpackWriter writer(out);
    writer.array(3);
    writer.uint(set.number);
    encode_ids(set.voters, writer);
    encode_ids(set.next, writer);
}

std::optional<VoterSet> decode_voter_set(ByteView bytes) {
    MsgpackReader reader(bytes);
    if (reader.array() != 3u) return std::nullopt;
    const auto number = reader.uint();
    if (!number) return std::nullopt;
    auto voters = decode_ids(reader);
    if (!voters || voters->empty()) return std::nullopt;
    auto next = decode_ids(reader);
    if (!next || !reader.at_end()) return std::nullopt;
    return VoterSet{*number, std::move(*voters), std::move(*next)};
}

}  // namespace sedge::node
