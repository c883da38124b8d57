// The memory of one voter: what it promised and accepted, per register.
//
// Invariant: once a reply has left, its state survives every restart. So each call says what to store, and a reply may leave only
// when everything stored by this and all earlier calls is durable (a reply shows state that an earlier call changed).
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "node/core/register_messages.h"

namespace sedge::node {

// One register's state, as it is stored.
struct AcceptorRecord {
    RegisterKey key;
    Ballot promised;
    Ballot accepted;
    RegisterValue value;
};

class Acceptor {
  public:
    struct Outcome {
        AcceptorReply reply;
        bool fence_moved = false;                // store fence() too
        std::optional<AcceptorRecord> changed;   // store this
    };

    // Restoring, in the order of storing.
    void restore(AcceptorRecord record);
    void restore_fence(std::uint64_t voter_set);

    Outcome handle(const AcceptorRequest& request);

    // The newest configuration that this memory has seen; older ones are refused.
    std::uint64_t fence() const { return fence_; }
    // For checkpoints.
    const std::map<RegisterKey, AcceptorRecord>& records() const { return records_; }

  private:
    Outcome on_prepare(const Prepare& prepare);
    Outcome on_accept(const Accept& accept);
    Outcome on_fence(const Fence& fence);
    // Moves the fence up to `voter_set`; whether it moved.
    bool raise_fence(std::uint64_t voter_set);

    std::uint64_t fence_ = 0;
    std::map<RegisterKey, AcceptorRecord> records_;
};

}  // namespace sedge::node
