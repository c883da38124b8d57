#include "node/core/client_accounts.h"

#include <algorithm>
#include <cassert>

namespace sedge::node {

std::size_t ClientAccounts::outstanding_of(const ConnectionId& client) const {
    if (accounts_.empty()) return 0;
    const auto found = accounts_.find(client.value);
    return found == accounts_.end() ? 0 : found->second.outstanding_bytes;
}

std::size_t ClientAccounts::allowance(const ConnectionId& client) const {
    const std::size_t free = limits_.reply_bytes - std::min(limits_.reply_bytes, outstanding_bytes_);
    const std::size_t most = std::min(limits_.reply_bytes_per_connection, free);
    return most - std::min(most, outstanding_of(client));
}

bool ClientAccounts::may_ask(const ConnectionId& client) const {
    return outstanding_of(client) < kFloorBytes || allowance(client) > 0;
}

void ClientAccounts::on_sent(const ConnectionId& client, std::size_t bytes) {
    if (bytes == 0) return;
    accounts_[client.value].outstanding_bytes += bytes;
    outstanding_bytes_ += bytes;
}

void ClientAccounts::on_taken(const ConnectionId& client, std::size_t bytes) {
    const auto found = accounts_.find(client.value);
    if (found == accounts_.end()) return;
    const std::size_t taken = std::min(found->second.outstanding_bytes, bytes);
    found->second.outstanding_bytes -= taken;
    outstanding_bytes_ -= taken;
    forget_if_settled(found);
}

bool ClientAccounts::begin_wait(const ConnectionId& client) {
    if (waiting_ >= limits_.waiting) return false;
    Account& account = accounts_[client.value];
    if (account.waiting >= limits_.waiting_per_connection) return false;
    ++account.waiting;
    ++waiting_;
    return true;
}

void ClientAccounts::end_wait(const ConnectionId& client) {
    const auto found = accounts_.find(client.value);
    assert(found != accounts_.end() && found->second.waiting > 0);
    --found->second.waiting;
    --waiting_;
    forget_if_settled(found);
}

void ClientAccounts::forget_if_settled(Accounts::iterator account) {
    if (account->second.outstanding_bytes == 0 && account->second.waiting == 0) accounts_.erase(account);
}

}  // namespace sedge::node
