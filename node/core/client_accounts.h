// What each client may still cost the node: answers that it has not taken yet, and requests of its that wait.
//
// Nobody can take more than what the others leave free, so that a few clients who never read cannot starve the rest: the more is
// outstanding, the less each may have ("dynamic thresholds": Choudhury and Hahne, 1998).
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>

#include "node/core/effects.h"

namespace sedge::node {

class ClientAccounts {
  public:
    struct Limits {
        std::size_t reply_bytes_per_connection = 0;
        std::size_t reply_bytes = 0;
        std::size_t waiting_per_connection = 0;
        std::size_t waiting = 0;
    };
    // Whoever has less than this outstanding may always store records and ask small questions.
    static constexpr std::size_t kFloorBytes = 64u << 10;

    explicit ClientAccounts(Limits limits) : limits_(limits) {}

    // How many bytes of records this client may be handed now; 0: it has to read first.
    std::size_t allowance(const ConnectionId& client) const;
    // May it ask for anything that is answered in any case?
    bool may_ask(const ConnectionId& client) const;
    void on_sent(const ConnectionId& client, std::size_t bytes);
    void on_taken(const ConnectionId& client, std::size_t bytes);

    // A request that waits: false if too many do. Each true is followed by one end_wait().
    bool begin_wait(const ConnectionId& client);
    void end_wait(const ConnectionId& client);

    std::size_t outstanding_bytes() const { return outstanding_bytes_; }
    std::size_t waiting() const { return waiting_; }
    std::size_t size() const { return accounts_.size(); }

  private:
    struct Account {
        std::size_t outstanding_bytes = 0;
        std::size_t waiting = 0;
    };
    using Accounts = std::unordered_map<std::string, Account>;
    std::size_t outstanding_of(const ConnectionId& client) const;
    void forget_if_settled(Accounts::iterator account);

    const Limits limits_;
    Accounts accounts_;  // looked up, never iterated
    std::size_t outstanding_bytes_ = 0;
    std::size_t waiting_ = 0;
};

}  // namespace sedge::node
