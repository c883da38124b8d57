// One seed of a mesh: 1 to 7 nodes, a network and disks with faults, clients, and the promises that are checked at every step.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sedge::sim {

// Bugs that the checks must find, one at a time.
enum class MeshBug : std::uint8_t {
    none,
    report_durable_at_issue,  // the disk claims to have what it has not
    forget_acceptor,          // an acceptor's promises are lost in a restart
    forget_truncation,        // what was cut off comes back
    same_log_after_wipe,      // an empty disk passes for the log that it was
    watermark_past_gap,       // a follower takes the leader's end for committed
    acknowledge_received,     // a follower says to have stored what it has only received
    forget_producers,         // a restart forgets who wrote what
    serve_uncommitted,        // a leader counts only itself
    drop_batch,               // a follower's log loses a batch in the middle
    reuse_nonce,              // a restarted process passes for the one before it
};

struct MeshBugName {
    MeshBug bug;
    std::string_view name;
};
std::span<const MeshBugName> mesh_bugs();
std::optional<MeshBug> mesh_bug_from(std::string_view name);

struct MeshOptions {
    std::uint64_t seed = 1;
    std::uint64_t nodes = 0;          // 0: drawn from the seed
    std::uint64_t duration_ms = 20'000;
    bool verbose = false;
    MeshBug bug = MeshBug::none;
};

struct MeshResult {
    bool ok = true;
    std::string violation;
    std::uint64_t fingerprint = 0;
    std::map<std::string, std::uint64_t> marks;  // how often what happened
};

MeshResult run_mesh(const MeshOptions& options);

}  // namespace sedge::sim
