// Counts what clients have been handed and have not taken yet, so that one who never reads costs a bounded amount of memory.
//
// zmq frees a frame when the kernel has taken it or the client is gone. A receipt rides on frames and reports then. Most
// answers are too small for a receipt of their own: one receipt stands for all the answers to that client since the last one.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "node/core/effects.h"

namespace sedge::node {

class ReplyLedger {
  public:
    struct Limits {
        std::size_t per_connection_bytes = 12u << 20;
        std::size_t total_bytes = 32u << 20;
        // Whoever has less than this outstanding is always served.
        std::size_t floor_bytes = 64u << 10;
    };
    // What a small answer costs beside its bytes, in zmq's queue and the allocator.
    static constexpr std::size_t kAnswerOverheadBytes = 160;
    // So much goes without a receipt.
    static constexpr std::size_t kUnreceiptedBytes = 4096;
    static constexpr std::uint64_t kForgetAfterMs = 5'000;

    explicit ReplyLedger(Limits limits);
    ~ReplyLedger();
    ReplyLedger(const ReplyLedger&) = delete;
    ReplyLedger& operator=(const ReplyLedger&) = delete;

    // --- Event loop only ---
    struct Booking {
        bool accepted = false;
        std::shared_ptr<void> receipt;  // to ride on the frames; null: this answer needs none
    };
    // Books an answer of `wire_bytes`, for which the core counted `reply_bytes`. Not accepted: this client has too much outstanding,
    // drop the answer. No client can take more than what the others leave: each gets at most as much as is still free.
    Booking book(const ConnectionId& to, std::size_t wire_bytes, std::size_t reply_bytes, bool wants_receipt, std::uint64_t now_ms);

    // Calls taken(connection, reply_bytes) for what came back since the last call.
    void collect(const std::function<void(const ConnectionId&, std::size_t)>& taken);
    // Forgets clients with nothing outstanding and whose last answers went without a receipt: those count as taken.
    void forget_idle(std::uint64_t now_ms, const std::function<void(const ConnectionId&, std::size_t)>& taken);

    std::size_t outstanding_bytes() const { return outstanding_bytes_; }
    std::size_t connections() const { return accounts_.size(); }

    // Any thread: is there something to collect?
    bool has_news() const;

  private:
    struct Account;
    struct News;
    struct Receipt;

    Limits limits_;
    std::shared_ptr<News> news_;
    std::unordered_map<std::string, std::shared_ptr<Account>> accounts_;
    std::size_t outstanding_bytes_ = 0;
    std::vector<std::shared_ptr<Account>> collected_;
};

}  // namespace sedge::node
