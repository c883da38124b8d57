#include "node/io/reply_ledger.h"

#include <algorithm>
#include <utility>

namespace sedge::node {

// One client's. The atomics are written by whichever thread frees a frame, the rest by the event loop.
struct ReplyLedger::Account {
    explicit Account(ConnectionId id) : connection(std::move(id)) {}
    const ConnectionId connection;
    std::size_t outstanding_bytes = 0;      // wire bytes booked and not reported back
    std::size_t unreceipted_bytes = 0;      // the part of it that no receipt covers yet
    std::size_t unreceipted_reply_bytes = 0;
    std::uint64_t last_use_ms = 0;
    std::atomic<std::size_t> taken_bytes{0};
    std::atomic<std::size_t> taken_reply_bytes{0};
};

// Shared with the receipts, which may outlive the ledger.
struct ReplyLedger::News {
    std::mutex mutex;
    std::vector<std::shared_ptr<Account>> accounts;  // those whose taken_bytes went up from 0
    std::atomic<bool> any{false};
};

struct ReplyLedger::Receipt {
    Receipt(std::shared_ptr<Account> of, std::shared_ptr<News> to, std::size_t wire, std::size_t reply)
        : account(std::move(of)), news(std::move(to)), wire_bytes(wire), reply_bytes(reply) {}
    Receipt(const Receipt&) = delete;
    Receipt& operator=(const Receipt&) = delete;
    ~Receipt() {
        account->taken_reply_bytes.fetch_add(reply_bytes);
        if (account->taken_bytes.fetch_add(wire_bytes) != 0) return;
        const std::lock_guard lock(news->mutex);
        news->accounts.push_back(std::move(account));
        news->any.store(true);
    }
    std::shared_ptr<Account> account;
    std::shared_ptr<News> news;
    std::size_t wire_bytes;
    std::size_t reply_bytes;
};

ReplyLedger::ReplyLedger(Limits limits) : limits_(limits), news_(std::make_shared<News>()) {}
ReplyLedger::~ReplyLedger() = default;

bool ReplyLedger::has_news() const { return news_->any.load(std::memory_order_relaxed); }

ReplyLedger::Booking ReplyLedger::book(const ConnectionId& to, std::size_t wire_bytes, std::size_t reply_bytes, bool wants_receipt,
                                       std::uint64_t now_ms) {
    auto& account = accounts_[to.value];
    if (!account) account = std::make_shared<Account>(to);
    account->last_use_ms = now_ms;
    const std::size_t cost = wire_bytes + kAnswerOverheadBytes;
    const std::size_t free_bytes = limits_.total_bytes - std::min(limits_.total_bytes, outstanding_bytes_);
    const std::size_t allowed = std::max(limits_.floor_bytes, std::min(limits_.per_connection_bytes, free_bytes));
    // One answer always fits, however large: else a client with a small share could never get it.
    if (account->outstanding_bytes > account->unreceipted_bytes && account->outstanding_bytes + cost > allowed) return {};

    account->outstanding_bytes += cost;
    outstanding_bytes_ += cost;
    account->unreceipted_bytes += cost;
    account->unreceipted_reply_bytes += reply_bytes;
    if (!wants_receipt && account->unreceipted_bytes < kUnreceiptedBytes) return {true, nullptr};
    return {true, std::make_shared<Receipt>(account, news_, std::exchange(account->unreceipted_bytes, 0),
                                            std::exchange(account->unreceipted_reply_bytes, 0))};
}

void ReplyLedger::collect(const std::function<void(const ConnectionId&, std::size_t)>& taken) {
    if (!has_news()) return;
    {
        const std::lock_guard lock(news_->mutex);
        collected_.swap(news_->accounts);
        news_->any.store(false);
    }
    for (const auto& account : collected_) {
        // In this order: a receipt adds its reply bytes first, so none is left behind without another piece of news.
        const std::size_t bytes = account->taken_bytes.exchange(0);
        const std::size_t reply_bytes = account->taken_reply_bytes.exchange(0);
        account->outstanding_bytes -= bytes;
        outstanding_bytes_ -= bytes;
        if (reply_bytes != 0) taken(account->connection, reply_bytes);
    }
    collected_.clear();
}

void ReplyLedger::forget_idle(std::uint64_t now_ms, const std::function<void(const ConnectionId&, std::size_t)>& taken) {
    for (auto it = accounts_.begin(); it != accounts_.end();) {
        const Account& account = *it->second;
        if (account.outstanding_bytes != account.unreceipted_bytes || now_ms - account.last_use_ms < kForgetAfterMs) {
            ++it;
            continue;
        }
        outstanding_bytes_ -= account.unreceipted_bytes;
        if (account.unreceipted_reply_bytes != 0) taken(account.connection, account.unreceipted_reply_bytes);
        it = accounts_.erase(it);
    }
}

}  // namespace sedge::node
