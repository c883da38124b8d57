// The simulator's journal keeps what every journal promises.
#include <catch2/catch.hpp>

#include "tests/contract/journal_contract.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_journal.h"

using namespace sedge;

namespace {

class SimulatedWorld : public contract::JournalWorld {
  public:
    std::uint64_t segment_bytes() const override { return disk_.segment_bytes(); }
    std::unique_ptr<node::Journal> open() override {
        auto journal = std::make_unique<sim::SimJournal>(disk_, settings_, sim::Random(++life_), now_us_);
        running_ = journal.get();
        return journal;
    }
    void wait() override {
        const std::uint64_t due = running_->next_due_us();
        REQUIRE(due != UINT64_MAX);  // somebody would wait for ever
        now_us_ = std::max(now_us_, due);
        running_->run_until(now_us_);
    }
    void kill(std::unique_ptr<node::Journal>) override { running_ = nullptr; }

  private:
    sim::Settings settings_;
    sim::SimDisk disk_{1u << 20, 64};
    sim::SimJournal* running_ = nullptr;
    std::uint64_t now_us_ = 1;
    std::uint64_t life_ = 0;
};

}  // namespace

TEST_CASE("the simulator's journal", "[journal_sim]") {
    for (const contract::JournalPromise& promise : contract::journal_promises()) {
        DYNAMIC_SECTION(promise.name) {
            SimulatedWorld world;
            promise.check(world);
        }
    }
}
