// Who leads a partition and who follows (DESIGN 7). The register decides; this node only proposes changes of it, and acts on what it
// knows to be chosen.
#include <algorithm>

#include "node/core/broker_state.h"
#include "node/core/log_entries.h"
#include "node/core/placement.h"

namespace sedge::node {
namespace {

// The preferred node tries first, each of its neighbours a little later: so they do not outbid each other.
constexpr std::uint64_t kTurnMs = 50;

std::uint64_t place_of(const TopicDescription& topic, PartitionIndex partition, std::string_view node) {
    const auto names = replicas_of(topic, partition);
    return static_cast<std::uint64_t>(std::find(names.begin(), names.end(), node) - names.begin());
}

std::optional<PartitionRegister> decoded(const RegisterValue& value) {
    return value.empty() ? std::nullopt : decode_partition_register(value);
}

}  // namespace

void Broker::State::tick_roles(Now now) {
    mesh.next_roles_ms = mesh.replicated_partitions == 0 ? UINT64_MAX : now.monotonic_ms + mesh_limits::kRoleTickMs;
    for (const auto& [name, topic] : catalogue.topics()) {
        if (topic->description.replicas < 2) continue;
        for (const auto& partition : topic->partitions) {
            if (partition->role == nullptr) continue;
            review(now, *partition);
            if (partition->role->leads()) tick_leader(now, *partition);
            if (partition->role->leads()) restore_preferred(now, *topic, *partition);
            if (partition->role->follower) tick_follower(now, *partition);
        }
    }
}

// What should this node do for the partition, given what is chosen and who is alive?
void Broker::State::review(Now now, Partition& partition) {
    ReplicaRole& role = *partition.role;
    const Topic& topic = *catalogue.find(partition.id.topic);
    if (!segment.is_open() || mesh.registers->voters().number == 0) return;
    if (!role.chosen) {
        if (role.is_asking || now.monotonic_ms < role.next_try_ms) return;
        return role.was_read ? found(now, topic, partition) : read_register(now, partition);
    }
    const PartitionRegister& chosen = *role.chosen;
    if (chosen.epoch < partition.log->seen_epoch) {  // old news: this node has acted in a newer epoch
        if (!role.is_asking && now.monotonic_ms >= role.next_try_ms) read_register(now, partition);
        return;
    }
    const bool is_mine = chosen.leader == options.node_id && chosen.leader_nonce == options.start_nonce && !chosen.resigned;
    if (role.epoch < chosen.epoch || (!role.leader && !role.follower)) {
        if (is_mine)
            lead(now, topic, partition);
        else
            follow(now, partition);
    } else if (role.leader && chosen.resigned) {
        step_down(now, partition);
    } else if (role.leader && !role.is_asking) {
        // Not while a change is under way: what is known may be older than its outcome, and an addition counts until that is known.
        role.leader->replicas.on_chosen(chosen);
        advance(now, partition);
        change_isr(now, partition);
    }
    if (role.follower && !role.is_asking && now.monotonic_ms >= role.next_try_ms) try_take_over(now, topic, partition);
}

// --- Changes of the register ---

void Broker::State::change_register(Now now, Partition& partition,
                                    std::function<std::optional<PartitionRegister>(const std::optional<PartitionRegister>&)> change) {
    partition.role->is_asking = true;
    mesh.registers->change(
        now.monotonic_ms, partition_key(partition.id),
        [change = std::move(change)](const RegisterValue& current) -> std::optional<RegisterValue> {
            const auto next = change(decoded(current));
            if (!next) return std::nullopt;
            RegisterValue value;
            encode_partition_register(*next, value);
            return value;
        },
        [this, id = partition.id](const Registers::Outcome& outcome) {
            mesh.finished.emplace_back([this, id, value = outcome.chosen.value](Now later) {
                Partition* changed = catalogue.find(id);
                if (changed == nullptr || changed->role == nullptr) return;
                changed->role->is_asking = false;
                changed->role->was_read = true;
                // Meanwhile somebody else may have changed it again.
                const ChosenValue* known = mesh.registers->known(partition_key(id));
                apply_partition(later, id, known == nullptr ? value : known->value);
                if (!changed->role->chosen) review(later, *changed);
            });
        });
}

void Broker::State::read_register(Now now, Partition& partition) {
    partition.role->next_try_ms = now.monotonic_ms + mesh_limits::kAskAgainMs;
    change_register(now, partition, [](const auto&) { return std::nullopt; });
}

// Nobody has ever led this partition: its log is empty everywhere. The preferred node founds it, or who comes next.
void Broker::State::found(Now now, const Topic& topic, Partition& partition) {
    for (const std::string& name : replicas_of(topic.description, partition.id.partition)) {
        if (name == options.node_name) {
            const Replica self = replica_here(partition);
            const std::uint64_t nonce = options.start_nonce;
            partition.role->next_try_ms = now.monotonic_ms + mesh_limits::kAskAgainMs;
            return change_register(now, partition, [self, nonce](const auto& current) { return found_partition(current, self, nonce); });
        }
        const Member* other = member(name);
        if (other != nullptr && other->state == MemberState::alive) break;  // it will
    }
    partition.role->next_try_ms = now.monotonic_ms + mesh_limits::kAskAgainMs;
    partition.role->was_read = false;
}

bool Broker::State::is_gone(NodeId node, std::uint64_t nonce, Now now) const {
    const Member* known = member(node);
    if (known == nullptr) return now.monotonic_ms >= mesh.started_ms + mesh_limits::kUnknownIsDeadMs;
    if (known->state >= MemberState::dead) return true;
    return nonce != 0 && known->facts.start_nonce != nonce;  // another start of it does not lead in this epoch
}

void Broker::State::try_take_over(Now now, const Topic& topic, Partition& partition) {
    const PartitionRegister& chosen = *partition.role->chosen;
    const Replica self = replica_here(partition);
    if (shutting_down || !chosen.in_sync(self)) return;
    if (partition.log->is_damaged && chosen.isr.size() > 1) return;  // others may have what is missing here
    const bool own_restart = chosen.leader == options.node_id;
    if (!own_restart && !chosen.resigned && !is_gone(chosen.leader, chosen.leader_nonce, now)) return;
    const std::uint64_t place = place_of(topic.description, partition.id.partition, options.node_name);
    if (partition.role->next_try_ms == 0 && place > 0 && !own_restart) {  // the first sight of it
        partition.role->next_try_ms = now.monotonic_ms + place * kTurnMs;
        mesh.next_roles_ms = std::min(mesh.next_roles_ms, partition.role->next_try_ms);
        return;
    }
    partition.role->next_try_ms = now.monotonic_ms + mesh_limits::kAskAgainMs;
    ++mesh.counters.elections;
    change_register(now, partition, [this, self, now, nonce = options.start_nonce](const auto& current) {
        if (!current) return std::optional<PartitionRegister>();
        return take_over(*current, self, nonce, [&](NodeId node) {
            return is_gone(node, node == current->leader ? current->leader_nonce : 0, now);
        });
    });
}

// The leader takes into the ISR who has caught up, and puts out who is dead or lags.
void Broker::State::change_isr(Now now, Partition& partition) {
    ReplicaRole& role = *partition.role;
    if (!role.leads() || role.is_asking || role.leader->replicas.change_in_flight()) return;
    LeaderReplicas& replicas = role.leader->replicas;
    const PartitionRegister& chosen = replicas.chosen();
    const Epoch epoch = chosen.epoch;
    const std::uint64_t nonce = chosen.leader_nonce;
    std::optional<Replica> out;
    for (const Replica& each : chosen.isr)
        if (each.node != options.node_id && is_gone(each.node, 0, now)) out = each;
    if (!out) out = replicas.lagging(now.monotonic_ms, options.replica_lag_ms);
    if (out) {
        const auto next = remove_from_isr(chosen, epoch, nonce, *out);
        if (!next) return;
        ++mesh.counters.isr_shrinks;
        replicas.on_isr_proposed(next->isr);
        return change_register(now, partition, [epoch, nonce, gone = *out](const auto& current) {
            return current ? remove_from_isr(*current, epoch, nonce, gone) : std::nullopt;
        });
    }
    const auto in = replicas.ready_to_join(now.monotonic_ms, options.replica_lag_ms);
    if (!in) return;
    if (is_gone(in->node, 0, now)) {
        role.leader->cursors.erase(in->node);
        return replicas.forget(*in);
    }
    const auto next = add_to_isr(chosen, epoch, nonce, *in);
    if (!next) return;
    ++mesh.counters.isr_grows;
    replicas.on_isr_proposed(next->isr);
    change_register(now, partition, [epoch, nonce, added = *in](const auto& current) {
        return current ? add_to_isr(*current, epoch, nonce, added) : std::nullopt;
    });
}

// --- Roles ---

namespace {

// The epoch is stored before anything is done in it (DESIGN 7.2).
JournalEntry epoch_entry(const Partition& partition, Epoch epoch) {
    return {EntryType::epoch_seen, partition.id, {}, encode_number(epoch.value)};
}

}  // namespace

void Broker::State::lead(Now now, const Topic& topic, Partition& partition) {
    step_down(now, partition);
    if (!make_room(now, SegmentBudget::entry_bytes(8), true).ok()) return;
    ReplicaRole& role = *partition.role;
    role.epoch = role.chosen->epoch;
    role.epoch_durable = false;
    role.since_ms = now.monotonic_ms;
    role.next_try_ms = 0;
    role.follower.reset();
    role.leader.emplace(LeaderReplicas(replica_here(partition), *role.chosen, partition.high_watermark, partition.end,
                                                  topic.description.config.min_insync, now.monotonic_ms));
    partition.log->seen_epoch = role.epoch;
    add_entry(epoch_entry(partition, role.epoch));
    turn_syncs = true;
    touch(partition);
}

void Broker::State::follow(Now now, Partition& partition) {
    step_down(now, partition);
    if (!make_room(now, SegmentBudget::entry_bytes(8), true).ok()) return;
    ReplicaRole& role = *partition.role;
    role.epoch = role.chosen->epoch;
    role.epoch_durable = false;
    role.next_try_ms = 0;
    role.follower.emplace();
    role.follower->heard_ms = now.monotonic_ms;
    if (partition.log->is_damaged && role.chosen->leader != options.node_id && !begin_log(now, partition, Offset{})) return;
    partition.log->seen_epoch = role.epoch;
    add_entry(epoch_entry(partition, role.epoch));
    turn_syncs = true;
    touch(partition);
}

// Leads no more: whoever waits is told, and asks the next leader.
void Broker::State::step_down(Now now, Partition& partition) {
    ReplicaRole& role = *partition.role;
    if (!role.leader) return;
    close_batch(now, partition);
    refuse_held(partition);
    role.leader.reset();
    role.follower.emplace();
    role.follower->heard_ms = now.monotonic_ms;
    role.follower->durable_end = partition.high_watermark;
}

// After a failover the preferred leader, once it has been in sync for a while, gets its partition back, so that leaders stay spread.
void Broker::State::restore_preferred(Now now, const Topic& topic, Partition& partition) {
    ReplicaRole& role = *partition.role;
    if (role.is_asking || shutting_down || now.monotonic_ms < role.since_ms + options.restore_leader_ms) return;
    const auto names = replicas_of(topic.description, partition.id.partition);
    const Member* preferred = names.empty() || names.front() == options.node_name ? nullptr : member(std::string_view(names.front()));
    if (preferred == nullptr || preferred->state != MemberState::alive) return;
    const auto& isr = role.leader->replicas.chosen().isr;
    const bool in_sync = std::any_of(isr.begin(), isr.end(), [&](const Replica& each) { return each.node == preferred->id; });
    if (!in_sync || partition.high_watermark < partition.end) return;
    role.since_ms = now.monotonic_ms;  // if it does not take it, not again at once
    ++mesh.counters.handovers;
    change_register(now, partition, [epoch = role.epoch, nonce = options.start_nonce](const auto& current) {
        return current ? resign(*current, epoch, nonce) : std::nullopt;
    });
}

// A clean end hands leadership over first. True once nothing is led any more that another could lead.
bool Broker::State::resign_all(Now now) {
    bool done = true;
    for (const auto& [name, topic] : catalogue.topics()) {
        for (const auto& partition : topic->partitions) {
            if (partition->role == nullptr || !partition->role->leader) continue;
            ReplicaRole& role = *partition->role;
            if (role.chosen->isr.size() < 2) continue;
            done = false;
            if (role.is_asking) continue;
            const Epoch epoch = role.epoch;
            const std::uint64_t nonce = options.start_nonce;
            change_register(now, *partition, [epoch, nonce](const auto& current) {
                return current ? resign(*current, epoch, nonce) : std::nullopt;
            });
        }
    }
    return done;
}

void Broker::State::hand_over(Now now) {
    if (mesh.has_left || (!resign_all(now) && now.monotonic_ms < mesh.leave_by_ms)) return;
    mesh.has_left = true;
    mesh.membership->leave(now.monotonic_ms);
}

}  // namespace sedge::node
