// A mesh in virtual time: nodes, the network between them, what goes wrong, and what must hold.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/event_queue.h"
#include "tests/sim/mesh/mesh_clients.h"
#include "tests/sim/mesh/mesh_committed.h"
#include "tests/sim/mesh/mesh_history.h"
#include "tests/sim/mesh/mesh_node.h"
#include "tests/sim/mesh/mesh_run.h"
#include "tests/sim/random.h"
#include "tests/sim/virtual_clock.h"

namespace sedge::sim {

// Nothing is longer on its way between nodes.
inline constexpr std::uint64_t kLatestMessageUs = 2'000'000;

class MeshWorld {
  public:
    explicit MeshWorld(const MeshOptions& options);
    // Throws Violation.
    void run();
    MeshResult take_result();

  private:
    void make_clients();
    void step();
    void run_until(std::uint64_t until_us);
    // --- The network ---
    void send_to_peer(std::size_t from, std::size_t to, Frames frames);
    void send_to_node(std::size_t to, const std::string& client, Buffer header);
    void send_to_client(std::size_t from, const std::string& client, Buffer header);
    void note_message(std::size_t from, std::size_t to, const Buffer& header);
    Frames with_bug(Frames frames) const;
    bool is_cut(std::size_t from, std::size_t to) const { return cut_.contains({from, to}); }
    // --- Faults (mesh_faults.cc) ---
    void schedule_fault();
    void inject_fault();
    void start(std::size_t index);
    void end(std::size_t index, bool power_cut);
    void restart_later(std::size_t index);
    void cut_links();
    void stop_cleanly(std::size_t index);
    void wipe_somebody();
    bool survives_loss_of(std::size_t victim) const;
    void heal();
    // --- Checks (mesh_checks.cc) ---
    void check_leaders(MeshNode& node);
    void note_change(const MeshNode& node, const node::Broker::PartitionView& view);
    bool is_healthy(std::string& why);
    void check_end();
    void read_everything();
    Epoch leading_epoch(const std::string& topic, std::uint32_t partition) const;
    std::string view_of_all();

    void note(const std::string& what);
    void mark(const std::string& what, std::uint64_t by = 1) { marks_[what] += by; }
    void collect_marks(MeshNode& node);

    const MeshOptions options_;
    Random random_;
    VirtualClock clock_;
    EventQueue events_;
    std::map<std::string, std::uint64_t> marks_;
    MeshHistory history_;
    MeshCommitted committed_;
    ClientWorld client_world_;
    std::vector<std::unique_ptr<MeshNode>> nodes_;
    std::vector<std::unique_ptr<MeshClient>> clients_;
    MeshAdmin* admin_ = nullptr;
    std::vector<std::string> topics_;
    std::uint32_t partitions_ = 1, replicas_ = 1;
    std::set<std::pair<std::size_t, std::size_t>> cut_;
    std::set<std::size_t> stopping_;
    std::uint64_t loss_per_mille_ = 0, delay_us_ = 2'000;
    std::uint64_t end_of_faults_us_ = 0;
    std::uint64_t accepts_may_come_until_us_ = 0;
    bool calm_ = false, has_wiped_ = false;
    std::map<std::pair<PartitionId, std::uint32_t>, std::pair<std::uint64_t, std::uint64_t>> leaders_;  // -> node, start
    std::map<std::string, std::string> shown_;
    std::uint64_t turns_ = 0;
    Fingerprint fingerprint_;
};

}  // namespace sedge::sim
