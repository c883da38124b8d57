// One change, or read, of one register: a proposer's side of CASPaxos as a pure state machine.
//
// Invariant: a ballot carries one value, ever. So on anything but success the proposer forgets what it learned and begins again
// with a higher ballot; and a read, or a change that declines, still runs the accept phase with the value that it found: otherwise two
// readers could see a value appear and vanish.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <vector>

#include "node/core/random.h"
#include "node/core/register_messages.h"
#include "node/core/voter_set.h"

namespace sedge::node {

struct AddressedRequest {
    AcceptorId to;
    AcceptorRequest request;
};

class RegisterProposer {
  public:
    // From the value chosen last (empty: never set) to the one wanted; nullopt: leave it as it is (a read, or a failed compare).
    // It may be called again with a value that holds its own earlier wish: an attempt that was given up may still have been
    // chosen. So it must be able to recognise what it asked for.
    using Change = std::function<std::optional<RegisterValue>(const RegisterValue& current)>;

    enum class State : std::uint8_t { running, chosen, out_of_date };

    struct Timing {
        std::uint64_t answer_timeout_ms = 500;  // then the attempt is given up
        std::uint64_t backoff_ms = 20;          // wait before the next one: a random part of this, doubled each time
        std::uint64_t max_backoff_ms = 1000;
    };

    // `first` is this proposer's first ballot; its counter rises with every attempt. `random` outlives it.
    RegisterProposer(RegisterKey key, VoterSet voters, Ballot first, Change change, Timing timing, Random& random);

    void start(std::uint64_t now_ms, std::vector<AddressedRequest>& out);
    void on_reply(std::uint64_t now_ms, AcceptorId from, const AcceptorReply& reply, std::vector<AddressedRequest>& out);
    void on_tick(std::uint64_t now_ms, std::vector<AddressedRequest>& out);

    State state() const { return state_; }
    std::uint64_t next_tick_ms() const { return deadline_ms_; }
    const RegisterKey& key() const { return key_; }
    const Ballot& ballot() const { return ballot_; }  // chosen: the one that chose the value
    // chosen: the register's value now, and whether `change` asked for it (false: it declined).
    const RegisterValue& value() const { return value_; }
    bool changed() const { return changed_; }
    // out_of_date: the configuration to learn before anybody tries again.
    std::uint64_t newer_voter_set() const { return newer_voter_set_; }
    // Start the next proposer of this node above it.
    std::uint64_t highest_counter() const { return highest_counter_; }

  private:
    enum class Phase : std::uint8_t { preparing, accepting, waiting };

    void begin_attempt(std::uint64_t now_ms, std::vector<AddressedRequest>& out);
    void begin_accept(std::uint64_t now_ms, std::vector<AddressedRequest>& out);
    void give_up_attempt(std::uint64_t now_ms);
    void on_promised(std::uint64_t now_ms, AcceptorId from, const Promised& promised, std::vector<AddressedRequest>& out);

    const RegisterKey key_;
    const VoterSet voters_;
    const Change change_;
    const Timing timing_;
    Random& random_;

    State state_ = State::running;
    Phase phase_ = Phase::waiting;
    Ballot ballot_;
    std::uint64_t highest_counter_ = 0;
    std::uint64_t deadline_ms_ = 0;
    std::uint64_t backoff_ms_ = 0;
    std::set<AcceptorId> votes_;
    Ballot newest_accepted_;
    RegisterValue value_;
    bool changed_ = false;
    std::uint64_t newer_voter_set_ = 0;
};

}  // namespace sedge::node
