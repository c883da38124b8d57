// Bugs that we plant, one at a time, between the core and its world, to prove that the simulation would see such a bug in the core
// or in the journal (tests/sim/CMakeLists.txt demands that each is found).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "node/core/effects.h"
#include "node/io/journal.h"
#include "tests/sim/random.h"
#include "tests/sim/sim_journal.h"

namespace sedge::sim {

enum class PlantedBug : std::uint8_t {
    none,
    ack_before_durable,    // a write counts as durable as soon as it was handed to the journal
    keep_torn_write,       // a write that a power cut tore is taken for whole
    skip_checksum,         // batches are served without a look at their checksums
    forget_producers,      // a checkpoint's producers are not restored
    lose_index_entry,      // a read now and then skips a batch
    late_checkpoint,       // a checkpoint claims to hold the first entry behind it
    forget_log_start,      // moves of a log's start are not restored
    forget_deletion,       // deletions of topics are not restored
    trust_any_clock,       // retention does not pause while the clock is wrong
    lose_answer,           // now and then an answer is not sent
    release_early,         // the journal is told that everything is dead when something is
    acknowledge_twice,     // now and then an answer is sent twice
};

struct PlantedBugName {
    PlantedBug bug;
    std::string_view name;
};
std::span<const PlantedBugName> planted_bugs();
std::optional<PlantedBug> planted_bug_from(std::string_view name);

class BugLayer {
  public:
    explicit BugLayer(PlantedBug bug, std::uint64_t seed) : bug_(bug), random_(seed) {}

    JournalBugs journal_bugs() const;
    bool reports_durable_at_append() const { return bug_ == PlantedBug::ack_before_durable; }
    node::RecoverySink between(node::RecoverySink core);
    void change(node::Now& now) const;
    void change(node::ReadResult& result);
    void change(node::Effects& effects);

  private:
    PlantedBug bug_;
    Random random_;
};

}  // namespace sedge::sim
