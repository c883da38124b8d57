// A mesh of up to five nodes that have nothing but their registers: disks that forget what was not yet durable, a network that loses,
// doubles and reorders, cuts through the mesh, nodes that crash, come back or are replaced, and voters that change all the while.
//
// Each change appends its own mark to a register's list, so that linearizability is easy to see: every value that anybody is ever
// told is a prefix of the final one (no fork, nothing lost), each finished change is in it once, and an operation sees all that had
// finished before it began.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "node/core/registers.h"

namespace sedge::node {

class RegistersWorld {
  public:
    // What may be broken on purpose, to see that the checks notice.
    enum class Bug : std::uint8_t { none, reply_before_durable, ballots_shared, fence_skipped, copy_skipped };

    struct Wanted {
        std::uint64_t seed = 1;
        std::size_t nodes = 3;
        std::size_t operations = 30;
        bool wipes = true;  // disks may be lost, as far as the voters' majorities survive it
        Bug bug = Bug::none;
    };

    explicit RegistersWorld(Wanted wanted);
    // What went wrong, or nothing.
    std::optional<std::string> run();

    bool hangs() const { return hangs_; }  // nothing was seen wrong, but it does not come to an end
    std::uint64_t voters_number() const { return newest_voters_; }
    std::size_t wiped() const { return wiped_.size(); }
    std::size_t finished() const { return finished_; }

  private:
    struct Broken {
        std::string what;
    };
    struct Pending {
        std::vector<JournalEntry> entries;
        std::vector<Registers::Message> messages;
    };
    struct Node {
        NodeId id;
        AcceptorId memory;
        std::uint64_t starts = 0;
        std::unique_ptr<Registers> registers;
        std::vector<JournalEntry> disk;
        std::deque<Pending> pending;
        std::map<RegisterKey, std::size_t> known_size;
        bool is_cut_off = false;
        bool is_called_dead = false;
    };
    struct Envelope {
        std::size_t from, to;
        PeerKind kind;
        Buffer payload;
    };
    struct Operation {
        RegisterKey key;
        std::size_t node = 0;
        std::size_t seen_before = 0;  // the longest value that had been told when it began
        bool is_read = false;
    };

    // --- Nodes ---
    void start(Node& node);
    void crash(Node& node);
    void wipe(Node& node);
    bool may_wipe(const Node& node) const;
    void sync(Node& node);
    void pump(Node& node);
    void tell_members();
    void tend_voters();
    void tick(Node& node);

    // --- The network ---
    void post(const Node& from, const Registers::Message& message);
    void deliver(std::size_t place);
    void deliver_random();
    void hand_over(Node& to, NodeId from, PeerKind kind, Buffer payload);
    // The planted bugs that lie in messages.
    void spoil(const Node& node, PeerKind kind, Buffer& payload) const;
    AcceptorReply promise_again(AcceptorId from, const Outbid& outbid) const;
    void spoil_request(auto& request, AcceptorCall& call) const;
    void spoil_reply(auto& reply, const Node& node) const;
    static std::uint64_t start_nonce(const Node& node) { return node.id.value * 1000 + node.starts; }

    // --- What is checked ---
    void begin_operation(std::size_t node, const RegisterKey& key, bool is_read);
    void on_finished(std::uint64_t number, const Registers::Outcome& outcome);
    void on_value(const RegisterKey& key, const RegisterValue& value);
    void on_voters(const RegisterValue& value);
    void check_known(Node& node);

    // --- The course of a run ---
    void live();
    void fault();
    void heal();
    bool settle(std::uint64_t limit_ms);
    bool is_settled();
    Node* random_node(bool running);
    std::string dump() const;
    std::size_t index_of(NodeId id) const { return static_cast<std::size_t>(id.value - 1); }

    const Wanted wanted_;
    Random random_;
    std::uint64_t now_ms_ = 1'000;
    std::uint32_t loss_percent_ = 0;
    std::vector<Node> nodes_;  // those that have joined
    std::vector<Envelope> network_;
    std::map<std::uint64_t, Operation> operations_;  // under way
    std::uint64_t begun_ = 0;
    std::size_t fresh_starts_ = 0;
    std::size_t finished_ = 0;
    std::map<RegisterKey, RegisterValue> longest_;     // the longest value that anybody was told
    std::map<RegisterKey, std::size_t> told_;          // the longest that an operation was told
    std::map<std::uint64_t, RegisterValue> voter_sets_;  // known to be chosen, by number
    std::vector<VoterSet> possible_voters_;            // chosen or not
    std::uint64_t newest_voters_ = 0;
    std::set<AcceptorId> wiped_;
    bool is_healed_ = false;
    bool hangs_ = false;
};

}  // namespace sedge::node
