// What a seed decides before its run: the node's budgets, the kinds of faults and how often they strike.
#pragma once

#include <cstdint>

#include "node/core/options.h"
#include "tests/sim/random.h"

namespace sedge::sim {

struct Settings {
    node::BrokerOptions broker;
    std::size_t max_commit_bytes = 64u << 10;
    std::uint64_t disk_segments = 64;        // what the disk has room for

    // The network; chances per thousand messages.
    std::uint64_t loss = 0, duplicate = 0, reorder = 0;
    std::uint64_t min_delay_us = 20, max_delay_us = 2'000;

    // The disk.
    std::uint64_t write_us = 50, sync_us = 300, read_us = 200;
    std::uint64_t failed_sync = 0;           // one in so many syncs; 0: never
    std::uint64_t failed_read = 0;           // one in so many reads
    std::uint64_t slow_commit = 0;           // one in so many commits takes a hundred times as long

    // Faults between events; one in so many events; 0: never.
    std::uint64_t crash = 0, power_cut = 0, clean_stop = 0, full_disk = 0, flipped_bit = 0;
    std::uint64_t wall_jump = 0, sleep = 0, crash_inside_turn = 0;

    // The clients.
    std::uint64_t plain_producers = 2, idempotent_producers = 2, consumers = 2, admins = 1, listers = 1, hostile = 1;
    std::uint64_t topic_names = 3, partitions = 3;
    std::uint64_t think_us = 1'000;          // a client's usual pause
};

Settings draw_settings(Random& random);

}  // namespace sedge::sim
