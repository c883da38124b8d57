// What every Journal promises, as tests that know nothing of how it does it: they run on the journal on LMDB and on the simulator's, so that
// what the simulation proves of the core holds for the real thing.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "node/io/journal.h"

namespace sedge::contract {

// One disk, and the journals that one process after the other opens on it.
class JournalWorld {
  public:
    virtual ~JournalWorld() = default;
    virtual std::uint64_t segment_bytes() const = 0;
    // A process begins. There is one at a time.
    virtual std::unique_ptr<node::Journal> open() = 0;
    // Lets something happen: returns when there may be something to collect.
    virtual void wait() = 0;
    // The process is killed: what the system had taken is still there.
    virtual void kill(std::unique_ptr<node::Journal> journal) = 0;
};

struct JournalPromise {
    std::string name;
    std::function<void(JournalWorld&)> check;  // with Catch2's REQUIRE
};

const std::vector<JournalPromise>& journal_promises();

}  // namespace sedge::contract
