#include "node/core/peer_envelope.h"

#include "schema/msgpack.h"

namespace sedge::node {
namespace {

constexpr std::uint32_t kFields = 7;
constexpr std::size_t kMaxMeshIdBytes = 32;

}  // namespace

void encode_peer_envelope(const PeerEnvelope& envelope, Buffer& out) {
    MsgpackWriter writer(out);
    writer.array(kFields);
    writer.uint(envelope.version);
    writer.str(envelope.mesh_id);
    writer.uint(envelope.from.value);
    writer.uint(envelope.from_nonce);
    writer.uint(envelope.to.value);
    writer.uint(static_cast<std::uint64_t>(envelope.kind));
    writer.bin(envelope.payload);
}

std::optional<PeerEnvelope> decode_peer_envelope(ByteView frame) {
    MsgpackReader reader(frame);
    const auto fields = reader.array();
    if (!fields || *fields < kFields) return std::nullopt;
    const auto version = reader.uint();
    const auto mesh_id = reader.str();
    const auto from = reader.uint();
    const auto from_nonce = reader.uint();
    const auto to = reader.uint();
    const auto kind = reader.uint();
    const auto payload = reader.bin();
    if (!version || !mesh_id || !from || !from_nonce || !to || !kind || !payload) return std::nullopt;
    if (*version > UINT32_MAX || mesh_id->size() > kMaxMeshIdBytes || *kind > UINT8_MAX || *from == 0) return std::nullopt;
    return PeerEnvelope{static_cast<std::uint32_t>(*version), *mesh_id, NodeId{*from}, *from_nonce, NodeId{*to},
                        static_cast<PeerKind>(*kind), *payload};
}

}  // namespace sedge::node
