#include "node/core/partition_register.h"

#include <algorithm>

#include "schema/msgpack.h"

namespace sedge::node {
namespace {

constexpr std::size_t kMaxIsr = 16;

bool leads(const PartitionRegister& current, Epoch epoch, std::uint64_t nonce) {
    return current.epoch == epoch && current.leader_nonce == nonce && !current.resigned;
}

}  // namespace

bool PartitionRegister::in_sync(const Replica& replica) const {
    return std::binary_search(isr.begin(), isr.end(), replica);
}

void encode_partition_register(const PartitionRegister& value, Buffer& out) {
    MsgpackWriter writer(out);
    writer.array(5);
    writer.uint(value.epoch.value);
    writer.uint(value.leader.value);
    writer.uint(value.leader_nonce);
    writer.boolean(value.resigned);
    writer.array(static_cast<std::uint32_t>(value.isr.size() * 2));
    for (const Replica& replica : value.isr) {
        writer.uint(replica.node.value);
        writer.uint(replica.log.value);
    }
}

std::optional<PartitionRegister> decode_partition_register(ByteView bytes) {
    MsgpackReader reader(bytes);
    if (reader.array() != 5u) return std::nullopt;
    const auto epoch = reader.uint();
    const auto leader = reader.uint();
    const auto nonce = reader.uint();
    const auto resigned = reader.boolean();
    const auto size = reader.array();
    if (!epoch || !leader || !nonce || !resigned || !size || *epoch > UINT32_MAX) return std::nullopt;
    if (*size == 0 || *size % 2 != 0 || *size > kMaxIsr * 2) return std::nullopt;
    PartitionRegister value{Epoch{static_cast<std::uint32_t>(*epoch)}, NodeId{*leader}, *nonce, *resigned, {}};
    for (std::uint32_t i = 0; i < *size / 2; ++i) {
        const auto node = reader.uint();
        const auto log = reader.uint();
        if (!node || !log) return std::nullopt;
        value.isr.push_back({NodeId{*node}, LogId{*log}});
    }
    const bool sorted_once = std::adjacent_find(value.isr.begin(), value.isr.end(), std::greater_equal<>()) == value.isr.end();
    return sorted_once && reader.at_end() ? std::optional(std::move(value)) : std::nullopt;
}

std::optional<PartitionRegister> found_partition(const std::optional<PartitionRegister>& current, Replica leader,
                                                 std::uint64_t nonce) {
    if (current) return std::nullopt;
    return PartitionRegister{Epoch{1}, leader.node, nonce, false, {leader}};
}

std::optional<PartitionRegister> take_over(const PartitionRegister& current, Replica candidate, std::uint64_t nonce,
                                           const std::function<bool(NodeId)>& is_dead) {
    if (!current.in_sync(candidate)) return std::nullopt;
    const bool own_restart = current.leader == candidate.node && current.leader_nonce != nonce;
    if (!current.resigned && !own_restart && !is_dead(current.leader)) return std::nullopt;
    PartitionRegister next{Epoch{current.epoch.value + 1}, candidate.node, nonce, false, {}};
    for (const Replica& replica : current.isr)
        if (replica.node == candidate.node ? replica == candidate : !is_dead(replica.node)) next.isr.push_back(replica);
    return next;
}

std::optional<PartitionRegister> add_to_isr(const PartitionRegister& current, Epoch epoch, std::uint64_t nonce,
                                            Replica replica) {
    if (!leads(current, epoch, nonce) || current.in_sync(replica) || current.isr.size() >= kMaxIsr) return std::nullopt;
    PartitionRegister next = current;
    // A new log of the same node replaces the one that it lost.
    std::erase_if(next.isr, [&](const Replica& other) { return other.node == replica.node && other.node != current.leader; });
    next.isr.insert(std::upper_bound(next.isr.begin(), next.isr.end(), replica), replica);
    return next;
}

std::optional<PartitionRegister> remove_from_isr(const PartitionRegister& current, Epoch epoch, std::uint64_t nonce,
                                                 Replica replica) {
    if (!leads(current, epoch, nonce) || !current.in_sync(replica) || replica.node == current.leader) return std::nullopt;
    PartitionRegister next = current;
    std::erase(next.isr, replica);
    return next;
}

std::optional<PartitionRegister> resign(const PartitionRegister& current, Epoch epoch, std::uint64_t nonce) {
    if (!leads(current, epoch, nonce)) return std::nullopt;
    PartitionRegister next = current;
    next.resigned = true;
    return next;
}

}  // namespace sedge::node
