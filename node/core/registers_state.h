// The state of Registers, shared by its parts: registers.cc (proposing and accepting), register_spread.cc (what is known to be
// chosen, and telling it), voter_change.cc (changing who votes).
#pragma once

#include <set>

#include "node/core/registers.h"

namespace sedge::node {

// A change of the voters under way: see voter_change.cc.
struct VoterChange {
    enum class Phase : std::uint8_t { proposing, fencing, copying, committing } phase = Phase::proposing;
    VoterSet joint;
    std::set<AcceptorId> fenced;
    std::set<RegisterKey> to_copy;
    std::size_t copies_under_way = 0;
    std::uint64_t resend_ms = 0;
};

struct Registers::State {
    struct Job {
        Change change;
        Done done;
    };
    struct Running {
        RegisterProposer proposer;
        Job job;
        std::uint64_t voters = 0;  // the number of the configuration that it goes by
        // An acceptor knows a newer configuration: until when to wait for it. 0: it does not wait.
        std::uint64_t waits_until_ms = 0;

        std::uint64_t next_tick_ms() const { return waits_until_ms != 0 ? waits_until_ms : proposer.next_tick_ms(); }
    };

    State(Options wanted, std::uint64_t seed) : options(std::move(wanted)), random(seed) {}

    // --- registers.cc ---
    void enqueue(std::uint64_t now_ms, RegisterKey key, Job job);
    void start_next(std::uint64_t now_ms, const RegisterKey& key);
    void restart(std::uint64_t now_ms, Running& running);
    void send_requests(const std::vector<AddressedRequest>& requests);
    void settle(std::uint64_t now_ms, const RegisterKey& key);
    void on_call(std::uint64_t now_ms, NodeId from, const AcceptorCall& call);
    void on_answer(std::uint64_t now_ms, NodeId from, const AcceptorAnswer& answer);
    void store(std::uint64_t now_ms, const Acceptor::Outcome& outcome);
    void store_fence();
    void send(NodeId to, PeerKind kind, Buffer payload) { output.messages.push_back({to, kind, std::move(payload)}); }

    // --- register_spread.cc ---
    // True if it was news. `tell`: everybody is told.
    bool learn(std::uint64_t now_ms, const RegisterKey& key, const ChosenValue& chosen, bool tell);
    void on_voters(std::uint64_t now_ms);
    void send_news(NodeId to, const RegisterNews& news);
    void send_digest(NodeId to, const RegisterKey& first, const RegisterKey& last, bool wants_answer);
    void on_digest(std::uint64_t now_ms, NodeId from, const RegisterDigest& digest);
    void tick_digest(std::uint64_t now_ms);
    void ask_for_voters(NodeId whom) { send_digest(whom, std::string(kVotersKey), std::string(kVotersKey), true); }
    // Own keys whose accepted value nobody said was chosen: when to read them.
    void doubt(const RegisterKey& key, std::uint64_t due_ms);
    void trust(const RegisterKey& key);
    bool is_doubtful(const AcceptorRecord& record) const;
    void read_doubtful(std::uint64_t now_ms);

    // --- voter_change.cc ---
    void want_voters(std::uint64_t now_ms, std::vector<AcceptorId> wanted);
    void begin_fencing(VoterSet joint);
    void send_fences(std::uint64_t now_ms);
    void on_fenced(std::uint64_t now_ms, AcceptorId from, const Fenced& fenced);
    void copy_keys(std::uint64_t now_ms);
    void commit_voters(std::uint64_t now_ms);
    void tick_voters(std::uint64_t now_ms);

    const Options options;
    Random random;
    AcceptorId id;
    Acceptor acceptor;
    VoterSet voters;
    ChosenValue chosen_voters;
    std::map<RegisterKey, ChosenValue, std::less<>> known;
    std::vector<std::pair<RegisterKey, ChosenValue>> news;
    std::map<RegisterKey, std::deque<Job>, std::less<>> queued;
    std::map<RegisterKey, Running, std::less<>> running;
    std::uint64_t counter = 0;  // the highest of a ballot that this node used or saw
    std::map<AcceptorId, NodeId> homes;
    std::vector<NodeId> others;  // living, without this node
    std::optional<VoterChange> voter_change;
    RegisterKey digest_from;
    std::uint64_t next_digest_ms = 0;
    std::map<RegisterKey, std::uint64_t> doubts;                 // due when
    std::set<std::pair<std::uint64_t, RegisterKey>> doubts_due;  // the same, by time
    std::size_t doubts_under_way = 0;
    Output output;
};

namespace register_limits {
inline constexpr std::size_t kReadsUnderWay = 64;
inline constexpr std::uint64_t kDoubtAfterMs = 2'000;  // meanwhile others may tell what was chosen
inline constexpr std::uint64_t kDoubtSpreadMs = 1'000;  // a random part of it more: not all voters read the same at once
inline constexpr std::uint64_t kFenceAgainMs = 300;
}  // namespace register_limits

}  // namespace sedge::node
