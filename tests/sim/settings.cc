#include "tests/sim/settings.h"

namespace sedge::sim {
namespace {

// Small budgets, so that every limit is reached now and then; but large enough for the largest honest request.
node::BrokerOptions draw_broker(Random& random) {
    node::BrokerOptions options;
    options.node_name = "sim";
    options.mesh_id = "00112233445566778899aabbccddeeff";
    options.advertised_address = "tcp://127.0.0.1:7701";
    options.admin_reserve_bytes = random.between(32, 64) << 10;
    options.segment_bytes = random.between(256, 1024) << 10;
    options.recent_bytes = random.one_in(4) ? 0 : random.magnitude(1u << 10, 1u << 20);
    options.max_unsynced_bytes = random.magnitude(96u << 10, 1u << 20);
    options.max_reply_bytes_per_connection = random.magnitude(16u << 10, 1u << 20);
    options.max_reply_bytes = options.max_reply_bytes_per_connection * random.between(1, 3);
    options.max_waiting_fetches_per_connection = random.magnitude(1, 64);
    options.max_waiting_fetches = options.max_waiting_fetches_per_connection * random.between(1, 3);
    options.max_cold_reads = random.between(1, 4);
    if (random.one_in(4)) options.max_producers_per_partition = random.between(1, 4);
    options.retention_check_interval_ms = random.magnitude(10, 10'000);
    options.segment_max_age_ms = random.magnitude(1'000, 24ull * 3600 * 1000);
    return options;
}

std::uint64_t sometimes(Random& random, std::uint64_t least, std::uint64_t most) {
    return random.one_in(3) ? 0 : random.magnitude(least, most);
}

}  // namespace

Settings draw_settings(Random& random) {
    Settings settings;
    settings.broker = draw_broker(random);
    settings.disk_segments = random.between(12, 120);
    settings.max_commit_bytes = random.magnitude(8u << 10, 256u << 10);
    if (!random.one_in(4)) {
        settings.loss = random.below(30);
        settings.duplicate = random.below(30);
        settings.reorder = random.below(100);
    }
    settings.max_delay_us = random.magnitude(100, 20'000);
    settings.write_us = random.magnitude(10, 500);
    settings.sync_us = random.magnitude(50, 5'000);
    settings.read_us = random.magnitude(50, 20'000);
    settings.failed_sync = random.one_in(3) ? random.between(50, 500) : 0;
    settings.failed_read = random.one_in(3) ? random.between(10, 100) : 0;
    settings.slow_commit = sometimes(random, 20, 200);
    settings.crash = sometimes(random, 200, 3'000);
    settings.power_cut = sometimes(random, 200, 3'000);
    settings.clean_stop = sometimes(random, 500, 3'000);
    settings.full_disk = sometimes(random, 500, 3'000);
    settings.flipped_bit = random.one_in(3) ? random.magnitude(200, 2'000) : 0;
    settings.wall_jump = sometimes(random, 300, 3'000);
    settings.sleep = sometimes(random, 300, 3'000);
    settings.crash_inside_turn = sometimes(random, 300, 3'000);
    settings.plain_producers = random.below(4);
    settings.idempotent_producers = random.below(4);
    settings.consumers = random.between(1, 4);
    settings.listers = random.below(2);
    settings.hostile = random.below(2);
    settings.topic_names = random.between(1, 4);
    settings.partitions = random.between(1, 4);
    settings.think_us = random.magnitude(100, 5'000);
    return settings;
}

}  // namespace sedge::sim
