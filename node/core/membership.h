// Who is in the mesh, and who is alive: SWIM (Das, Gupta, Motivala, 2002) with Lifeguard's suspicion (2018), as a pure state
// machine. Gossip spreads and triggers; it never decides (DESIGN 5): nothing here may cost an acknowledged record.
//
// Invariants:
//  - only a node itself raises its incarnation; what this node knows of itself is always alive (or left, once it leaves);
//  - knowledge only moves forward in the order of supersedes();
//  - a node is declared dead only after a suspicion that lasted its whole time-out without a refutation.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "node/core/gossip_message.h"
#include "node/core/member.h"
#include "node/core/random.h"
#include "node/core/rumours.h"
#include "node/core/suspicion.h"

namespace sedge::node {

// Each knob with its trade-off.
struct MembershipOptions {
    // One probe of one node each interval. Shorter: a silent death is seen sooner; more messages, more false suspicions on bad links.
    std::uint64_t probe_interval_ms = 250;
    // How long an answer may take before others are asked to probe too. Longer than a round trip on the slowest link.
    std::uint64_t ping_timeout_ms = 100;
    // How many others are asked. More: fewer false suspicions when one link is bad.
    std::size_t indirect_probes = 3;
    // Suspicion lasts multiplier * log10(n) * probe_interval at least, and `suspicion_max_factor` times that when nobody confirms it.
    double suspicion_multiplier = 2.0;
    double suspicion_max_factor = 3.0;
    // Suspicion of a node whose connection broke: a killed process is known dead this soon. Longer than it takes to connect again and to
    // be asked through another node, so that a link that broke once is no death.
    std::uint64_t broken_connection_ms = 250;
    // Every piece of news is told this often times log10(n + 1). More: surer, at a linear cost.
    std::uint32_t retell_multiplier = 4;
    std::size_t rumours_per_message = 8;
    // Fingerprints are compared with one random node this often: what gossip missed is repaired within a few of them.
    std::uint64_t digest_interval_ms = 5000;
    // The dead stay known this long, so that an old rumour cannot bring them back.
    std::uint64_t tombstone_ms = 24ull * 3600 * 1000;
};

class Membership {
  public:
    struct Outgoing {
        NodeId to;
        GossipMessage message;
    };
    struct Change {
        Member now;
        std::optional<MemberState> before;  // absent: not known until now
    };

    // `self.incarnation` must be above every earlier start's. `seed` as for Random.
    Membership(Member self, MembershipOptions options, std::uint64_t seed);

    // Somebody told us of a node by other means (its answer to a join): ask it for all that it knows.
    void meet(std::uint64_t now_ms, const Member& other);
    void on_message(std::uint64_t now_ms, NodeId from, const GossipMessage& message);
    // The connection to a peer broke: probe it at once, so that a killed process is known dead without waiting for its turn.
    void on_connection_lost(std::uint64_t now_ms, NodeId peer);
    void on_tick(std::uint64_t now_ms);
    // Tell everybody that this node goes on purpose.
    void leave(std::uint64_t now_ms);
    // New facts about this node (labels, addresses): spread with a higher incarnation.
    void update_facts(NodeFacts facts);

    std::vector<Outgoing> take_messages();
    std::vector<Change> take_changes();
    std::uint64_t next_tick_ms() const;

    const Member& self() const { return members_.at(self_id_).member; }
    const Member* find(NodeId id) const;
    std::vector<Member> members() const;       // sorted by id, this node and the dead included
    std::size_t known() const { return members_.size(); }  // how many those are
    std::size_t living() const;                // alive or suspect, this node included
    std::uint64_t fingerprint() const;         // equal on two nodes that know the same
    std::uint32_t health_score() const { return health_.score(); }

  private:
    struct Entry {
        Member member;
        std::uint64_t since_ms = 0;            // of the present state
        
        std::vector<NodeId> suspected_by;
        std::uint64_t confirmations_wanted = 0;
        bool connection_broke = false;         // while suspect
        std::uint64_t remind_ms = 0;           // while suspect: when it is asked again
    };
    struct Probe {
        NodeId target;
        std::uint64_t sequence = 0;
        std::uint64_t started_ms = 0;
        bool asked_others = false;
        std::size_t nacks_due = 0;
    };
    struct Relay {  // a ping that we send for somebody else
        NodeId asker;
        std::uint64_t asked_sequence = 0;
        std::uint64_t nack_at_ms = 0;
        bool nacked = false;
    };

    void learn(std::uint64_t now_ms, const Member& news, NodeId teller);
    void refute(const Member& claim, NodeId teller);
    void store(std::uint64_t now_ms, Entry& entry, const Member& news, NodeId teller);
    void start_probe(std::uint64_t now_ms, NodeId target);
    void tick_probes(std::uint64_t now_ms);
    void ask_others(std::uint64_t now_ms, Probe& probe);
    void suspect(std::uint64_t now_ms, NodeId target);
    void tick_suspicions(std::uint64_t now_ms);
    void tick_relays(std::uint64_t now_ms);
    void forget_tombstones(std::uint64_t now_ms);
    std::optional<NodeId> next_probe_target();
    std::uint64_t suspicion_deadline_ms(const Entry& entry) const;
    void send(NodeId to, GossipMessage message);
    void send_everything(NodeId to, bool answer_wanted);
    std::optional<NodeId> pick_dead();
    std::vector<NodeId> pick_others(std::size_t count, NodeId except);

    const NodeId self_id_;
    const MembershipOptions options_;
    Random random_;
    std::map<NodeId, Entry> members_;
    Rumours rumours_;
    LocalHealth health_;
    std::map<std::uint64_t, Probe> probes_;    // by sequence
    std::map<std::uint64_t, Relay> relays_;    // by the sequence of our ping
    std::uint64_t next_sequence_ = 1;
    std::uint64_t next_probe_ms_ = 0;
    std::uint64_t next_digest_ms_ = 0;
    std::vector<NodeId> round_;                // still to be probed in this round
    std::vector<Outgoing> outgoing_;
    std::vector<Change> changes_;
};

}  // namespace sedge::node
