// What one node is allowed to use and how it behaves: budgets with their defaults, all in one place.
// Limits of the protocol itself are in schema/limits.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "node/core/membership.h"
#include "schema/ids.h"

namespace sedge::node {

struct BrokerOptions {
    std::string node_name = "sedge";
    std::string mesh_id;                  // 32 hex digits
    std::string advertised_address;       // "tcp://host:port" for clients
    std::string software = "sedge 0.1.0";
    std::uint64_t random_seed = 0;        // from the shell; the core draws topic ids from it
    // Who this node is in its mesh.
    NodeId node_id{1};                    // random, made with the data directory
    std::uint64_t start_nonce = 1;        // random, of this start of the process
    std::uint64_t starts = 1;             // counts starts, durably
    std::string peer_address;             // "tcp://host:port" for other nodes; empty: a node that no other can join
    std::vector<std::pair<std::string, std::string>> labels;
    bool founds = true;                   // its mesh was founded by this node; false: it joined one
    std::vector<std::string> join_addresses;  // where peers may be, "tcp://host:port"; asked while this node knows nobody
    std::vector<Member> known_members;    // who let this node in; asked for all the others
    MembershipOptions membership;
    std::uint64_t replica_lag_ms = 5'000; // a replica that is not up to date for so long leaves the ISR
    std::uint64_t restore_leader_ms = 10'000;  // a leader that is not the preferred one gives way to it after this time in sync
    std::uint64_t replace_voter_ms = 30'000;  // a voter that is dead for so long gives its vote to another node, if there is one
    std::size_t voters = 5;               // how many memories are to vote, once there are as many nodes: 1, 3 or 5

    Epoch epoch{1};                       // of every partition led by this start of the process: counts starts, durably

    // A journal segment takes writes until their journal_cost() sum reaches this; then the core rolls it.
    std::uint64_t segment_bytes = 256ull << 20;
    // Kept free in each segment for records that must get through on a full disk: log-start moves, topic deletions.
    std::uint64_t admin_reserve_bytes = 256u << 10;
    // Records kept in memory so that consumers at the end never touch the disk; over all partitions.
    std::size_t recent_bytes = 16u << 20;
    // Records accepted but not yet durable; above it wants_input() is false and the shell stops reading its clients.
    std::size_t max_unsynced_bytes = 16u << 20;
    // Answers handed to the shell that a client has not taken yet: per connection and over all. Above it: busy.
    std::size_t max_reply_bytes_per_connection = 8u << 20;
    std::size_t max_reply_bytes = 24u << 20;
    // Fetches that wait for records: per connection and over all.
    std::size_t max_waiting_fetches_per_connection = 1024;
    std::size_t max_waiting_fetches = 65'536;
    // Cold reads under way in the read pool; more wait in the core, so that their memory stays bounded.
    std::size_t max_cold_reads = 8;
    // Idempotent producers remembered per partition; the one idle for the longest goes first.
    std::size_t max_producers_per_partition = 1'000;
    std::size_t max_producers = 50'000;  // over all partitions; then each makes room for a new one from its own
    std::uint64_t producer_expiry_ms = 7ull * 24 * 3600 * 1000;
    std::uint64_t default_retention_ms = 7ull * 24 * 3600 * 1000;
    // A segment that holds records is rolled after this time, so that its dead records can leave the disk.
    std::uint64_t segment_max_age_ms = 24ull * 3600 * 1000;
    std::uint64_t retention_check_interval_ms = 10'000;
};

}  // namespace sedge::node
