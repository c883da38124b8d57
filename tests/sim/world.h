// What all parts of one simulated run share.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include "tests/sim/answers.h"
#include "tests/sim/event_queue.h"
#include "tests/sim/history.h"
#include "tests/sim/random.h"
#include "tests/sim/settings.h"
#include "tests/sim/virtual_clock.h"

namespace sedge::sim {

struct Totals {
    std::uint64_t events = 0, starts = 0, crashes = 0, power_cuts = 0, clean_stops = 0, failed_syncs = 0;
    std::uint64_t full_disks = 0, flipped_bits = 0, wall_jumps = 0, sleeps = 0;
    std::uint64_t messages_lost = 0, messages_duplicated = 0, writes = 0, segments_begun = 0, cold_reads = 0;
    std::uint64_t final_records_read = 0;
};

struct World {
    explicit World(std::uint64_t seed) : random(seed), settings(draw_settings(random)), history(settings), answers(history) {}

    void after(std::uint64_t delay_us, EventQueue::Action action) { events.schedule(clock.now_us() + delay_us, std::move(action)); }
    void note(const std::string& what) const {
        if (verbose) std::printf("%12llu us  %s\n", static_cast<unsigned long long>(clock.now_us()), what.c_str());
    }
    void set_time() { history.set_time(clock.now_us(), clock.now()); }

    Random random;
    Settings settings;
    VirtualClock clock;
    EventQueue events;
    History history;
    AnswerChecker answers;
    Fingerprint fingerprint;
    Totals totals;
    bool verbose = false;
    bool calm = false;  // no more faults; clients end what they have begun
};

}  // namespace sedge::sim
