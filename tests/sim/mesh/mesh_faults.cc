// What goes wrong in a simulated mesh.
#include <algorithm>

#include "node/core/topic_register.h"
#include "tests/sim/mesh/mesh_world.h"

namespace sedge::sim {

void MeshWorld::schedule_fault() {
    events_.schedule(clock_.now_us() + random_.magnitude(20'000, 1'500'000), [this] {
        if (calm_) return;
        inject_fault();
        schedule_fault();
    });
}

void MeshWorld::inject_fault() {
    const std::size_t victim = random_.below(nodes_.size());
    MeshNode& node = *nodes_[victim];
    switch (random_.below(14)) {
        case 0:
        case 1:
        case 2:
            if (!node.running()) return;
            end(victim, random_.one_in(2));
            return restart_later(victim);
        case 3:
        case 4: {
            if (!node.running()) return;
            const std::uint64_t pause_us = random_.magnitude(10'000, 4'000'000);
            note(node.name() + " pauses for " + std::to_string(pause_us / 1000) + " ms");
            mark("pauses");
            return node.pause(clock_.now_us() + pause_us);
        }
        case 5:
        case 6:
        case 7: return cut_links();
        case 8:
            loss_per_mille_ = random_.one_in(2) ? 0 : random_.magnitude(5, 300);
            return note("loss " + std::to_string(loss_per_mille_) + " per mille");
        case 9:
            node.is_slow = !node.is_slow;
            return mark("slow disks");
        case 10:
            if (random_.one_in(2)) return stop_cleanly(victim);
            return;
        case 11:
            return wipe_somebody();
        case 12:
            if (!random_.one_in(3)) return;
            mark("power cuts of all");
            note("power cut of all");
            for (std::size_t i = 0; i < nodes_.size(); ++i) {
                if (!nodes_[i]->running()) continue;
                end(i, true);
                restart_later(i);
            }
            return;
        default:
            delay_us_ = random_.magnitude(500, 30'000);
            clock_.jump_wall(random_.one_in(2) ? static_cast<std::int64_t>(random_.below(100'000)) : -static_cast<std::int64_t>(random_.below(100'000)));
    }
}

void MeshWorld::start(std::size_t index) {
    MeshNode& node = *nodes_[index];
    if (node.running()) return;
    std::vector<node::Member> known;
    for (const auto& other : nodes_)
        if (other->running()) known.push_back(other->member());
    const bool founds = index == 0 && node.id() == 1;
    if (known.empty() && !founds && node.starts() == 0) return restart_later(index);  // nobody is there to join
    if (known.size() > 1) known = {known[random_.below(known.size())]};
    note(node.name() + " starts as " + std::to_string(node.id()));
    mark("starts");
    node.start(clock_.now(), known);
}

void MeshWorld::restart_later(std::size_t index) {
    events_.schedule(clock_.now_us() + (calm_ ? 1'000 : random_.magnitude(5'000, 4'000'000)), [this, index] { start(index); });
}

void MeshWorld::end(std::size_t index, bool power_cut) {
    MeshNode& node = *nodes_[index];
    note(node.name() + (power_cut ? " loses power" : " is killed"));
    mark(power_cut ? "power cuts" : "kills");
    collect_marks(node);
    // What it proposed may still arrive and be chosen, and nobody knows.
    if (node.is_proposing()) accepts_may_come_until_us_ = clock_.now_us() + kLatestMessageUs;
    node.end(power_cut);
    stopping_.erase(index);
    for (const auto& other : nodes_) {
        if (!other->running() || random_.one_in(10)) continue;
        MeshNode* told = other.get();
        events_.schedule(clock_.now_us() + random_.between(500, 10'000), [this, told, id = node.id()] {
            if (told->running() && !told->paused(clock_.now_us())) told->on_peer_lost(clock_.now(), id);
        });
    }
}

void MeshWorld::stop_cleanly(std::size_t index) {
    MeshNode& node = *nodes_[index];
    if (!node.running() || node.paused(clock_.now_us()) || stopping_.contains(index)) return;
    note(node.name() + " stops cleanly");
    node.broker().begin_shutdown(clock_.now());
    stopping_.insert(index);
}

void MeshWorld::cut_links() {
    std::set<std::pair<std::size_t, std::size_t>> links;
    if (random_.one_in(2)) {  // one node, or one side
        const std::uint64_t side = random_.between(1, (1u << nodes_.size()) - 1);
        const bool one_way = random_.one_in(3);
        for (std::size_t a = 0; a < nodes_.size(); ++a)
            for (std::size_t b = 0; b < nodes_.size(); ++b)
                if (((side >> a) & 1) != ((side >> b) & 1) && (!one_way || ((side >> a) & 1))) links.insert({a, b});
    } else {
        links.insert({random_.below(nodes_.size()), random_.below(nodes_.size())});
    }
    mark("cut links", links.size());
    for (const auto& [a, b] : links) note("n" + std::to_string(a + 1) + " does not reach n" + std::to_string(b + 1));
    cut_.insert(links.begin(), links.end());
    events_.schedule(clock_.now_us() + random_.magnitude(50'000, 6'000'000), [this, links] {
        for (const auto& link : links) cut_.erase(link);
    });
}

namespace {

// The registers of one partition that may be chosen, now or by whoever finishes what is under way: what any acceptor holds, less what was
// surely replaced.
std::vector<node::PartitionRegister> possible_registers(const std::vector<std::map<node::RegisterKey, node::ChosenValue>>& accepted,
                                                        const node::RegisterKey& key, const std::set<Buffer>& known_chosen) {
    std::optional<node::Ballot> chosen;
    for (const auto& memory : accepted) {
        const auto held = memory.find(key);
        if (held != memory.end() && known_chosen.contains(held->second.value)) chosen = std::max(chosen.value_or(node::Ballot{}), held->second.ballot);
    }
    std::vector<node::PartitionRegister> out;
    for (const auto& memory : accepted) {
        const auto held = memory.find(key);
        if (held == memory.end() || (chosen && held->second.ballot < *chosen)) continue;
        if (auto value = node::decode_partition_register(held->second.value)) out.push_back(std::move(*value));
    }
    return out;
}

}  // namespace

// Is a log that is in sync left of each partition, whatever is chosen by now? Not who seems to lead counts: a new leader may not know yet.
bool MeshWorld::survives_loss_of(std::size_t victim) const {
    std::map<PartitionId, std::set<node::Replica>> left;
    std::map<PartitionId, std::set<Buffer>> known_chosen;
    std::vector<std::map<node::RegisterKey, node::ChosenValue>> accepted;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        if (!nodes_[i]->running() || nodes_[i]->is_proposing()) return false;
        accepted.push_back(nodes_[i]->accepted());
        for (const auto& view : nodes_[i]->broker().partitions()) {
            auto& logs = left[view.id];
            if (view.is_kept && i != victim) logs.insert({node::NodeId{nodes_[i]->id()}, node::LogId{view.log}});
        }
    }
    for (const auto& memory : accepted)
        for (const auto& [key, held] : memory)
            if (const auto id = node::partition_of_register(key))
                for (const auto& node : nodes_)
                    if (node->knows_chosen(*id, held.value)) known_chosen[*id].insert(held.value);
    return std::all_of(left.begin(), left.end(), [&](const auto& each) {
        const auto registers = possible_registers(accepted, node::partition_key(each.first), known_chosen[each.first]);
        return !registers.empty() && std::all_of(registers.begin(), registers.end(), [&](const node::PartitionRegister& value) {
            return std::any_of(value.isr.begin(), value.isr.end(), [&](const auto& replica) { return each.second.contains(replica); });
        });
    });
}

// One disk is lost for good, of a node that is not needed: logs that are in sync are left, and a majority of voters.
void MeshWorld::wipe_somebody() {
    if (has_wiped_ || nodes_.size() < 3 || !admin_->all_made() || clock_.now_us() < accepts_may_come_until_us_) return;
    const std::size_t victim = random_.below(nodes_.size());
    if (!survives_loss_of(victim)) return;
    for (const auto& node : nodes_)
        for (const auto& metric : node->broker().metrics())
            if (metric.name == "sedge_voter_set" && metric.value < 3) return;
    has_wiped_ = true;
    end(victim, true);
    nodes_[victim]->wipe();
    note(nodes_[victim]->name() + " loses its disk");
    mark("wiped disks");
    restart_later(victim);
}

void MeshWorld::heal() {
    note("--- faults end");
    calm_ = true;
    cut_.clear();
    loss_per_mille_ = 0;
    delay_us_ = 2'000;
    clock_.mend();
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        nodes_[i]->is_slow = false;
        nodes_[i]->pause(0);
        if (!nodes_[i]->running()) restart_later(i);
    }
    for (const auto& client : clients_) client->winding_down = true;
}

}  // namespace sedge::sim
