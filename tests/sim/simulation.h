// One seeded run: a node on a simulated disk, clients, faults; then calm, in which everything must end and all that was promised be read.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/client.h"
#include "tests/sim/consumer.h"
#include "tests/sim/network.h"
#include "tests/sim/planted_bugs.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_node.h"
#include "tests/sim/world.h"

namespace sedge::sim {

struct RunOptions {
    std::uint64_t seed = 1;
    std::uint64_t steps = 3'000;  // events with faults; the calm afterwards takes as many as it needs
    bool verbose = false;
    PlantedBug bug = PlantedBug::none;
};

struct RunResult {
    bool ok = true;
    std::string violation;
    std::uint64_t fingerprint = 0;
    Totals totals;
    AnswerCounts answers;
    std::uint64_t records_stored = 0;
};

RunResult run_seed(const RunOptions& options);

class Simulation {
  public:
    explicit Simulation(const RunOptions& options);
    // Throws a Violation.
    void run();
    void fill(RunResult& result) const;

  private:
    void make_clients();
    void step();
    void maybe_fault();
    void fill_disk();
    void calm_down();
    // Goes on until `done`; a violation if that takes too long.
    template <class Done>
    void run_until(const char* what, Done&& done);
    std::string what_is_left() const;
    void restart_and_read_everything(bool power_cut);

    const RunOptions options_;
    World world_;
    Random faults_;
    Network network_;
    SimDisk disk_;
    SimNode node_;
    std::vector<std::unique_ptr<Client>> clients_;
    Verifier verifier_;
};

}  // namespace sedge::sim
