// One node's part in all registers: its acceptor, the changes that it proposes, and what it knows of chosen values (DESIGN 6).
//
// A pure state machine. What it wants stored and sent it puts into an Output; the broker makes it one journal write with all else of the
// turn. Invariants: a reply of the acceptor leaves only when all that was stored before it is durable; a value is told to anybody only
// once it is known to be chosen; what is known of a register only moves forward, in the order of the ballots that chose it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "node/core/acceptor.h"
#include "node/core/journal_write.h"
#include "node/core/member.h"
#include "node/core/peer_envelope.h"
#include "node/core/random.h"
#include "node/core/register_codec.h"
#include "node/core/register_proposer.h"
#include "node/core/voter_set.h"

namespace sedge::node {

// The register that holds the configuration of voters itself.
inline constexpr std::string_view kVotersKey = "voters";

class Registers {
  public:
    struct Options {
        NodeId self;
        std::uint64_t start_nonce = 0;
        RegisterProposer::Timing timing;
        std::uint64_t digest_interval_ms = 1000;  // known values are compared with one random living node this often
        std::size_t max_keys = 0;                 // above it no new register is made
    };
    struct Message {
        NodeId to;  // may be this node itself: the broker hands it back
        PeerKind kind = PeerKind::register_request;
        Buffer payload;
    };
    // Everything in `entries` goes into the turn's write. `messages` leave at once, `messages_when_durable` once that write is durable.
    struct Output {
        std::vector<JournalEntry> entries;
        std::vector<Message> messages;
        std::vector<Message> messages_when_durable;

        bool empty() const { return entries.empty() && messages.empty() && messages_when_durable.empty(); }
        void add(Output later);
    };
    struct Outcome {
        ChosenValue chosen;
        bool changed = false;  // false: the change declined, the value is what it found
    };
    using Change = RegisterProposer::Change;
    using Done = std::function<void(const Outcome&)>;

    Registers(Options options, std::uint64_t seed);
    ~Registers();

    // --- Restoring, before start() ---
    // Entries acceptor_made, acceptor_record, acceptor_fence; false if the payload makes no sense.
    bool restore_entry(EntryType type, ByteView payload);
    // What was promised before may be lost: a new memory, which votes only when a change of voters lets it in.
    void forget_acceptor();
    // The same state as entries, for checkpoints: restoring them in order gives this state again.
    std::vector<JournalEntry> checkpoint_entries() const;
    // `founds`: this node founds a mesh of one, whose only voter it is. Draws an acceptor if there is none.
    void start(std::uint64_t now_ms, bool founds);

    // --- What the node wants ---
    // Changes (or, declining, reads) a register; tried until it is chosen. Changes of one key run one after the other. `done` is
    // called from within on_reply(), on_tick() or change() of this class. It may call change().
    void change(std::uint64_t now_ms, RegisterKey key, Change change, Done done);
    bool is_changing(const RegisterKey& key) const;
    std::size_t changes() const;  // under way or waiting for their turn
    const ChosenValue* known(const RegisterKey& key) const;
    const std::map<RegisterKey, ChosenValue, std::less<>>& known() const;
    // Values that became known since the last call, by whatever way, in the order of becoming known.
    std::vector<std::pair<RegisterKey, ChosenValue>> take_news();

    // --- Voters ---
    AcceptorId acceptor_id() const;
    const VoterSet& voters() const;  // the newest configuration known; number 0: none known yet
    // The configuration that should be: the change runs in steps until it is committed; a change under way is finished first.
    void want_voters(std::uint64_t now_ms, std::vector<AcceptorId> wanted);

    // --- Events ---
    // Who is in the mesh and alive: where the acceptors live, and whom news goes to.
    void on_members(const std::vector<Member>& members);
    // Payload of a register_* message; what does not parse is dropped (false).
    bool on_message(std::uint64_t now_ms, NodeId from, PeerKind kind, ByteView payload);
    void on_tick(std::uint64_t now_ms);
    std::uint64_t next_tick_ms() const;
    bool has_output() const;
    Output take_output();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace sedge::node
