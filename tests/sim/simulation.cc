#include "tests/sim/simulation.h"

#include "tests/sim/admin.h"
#include "tests/sim/producer.h"
#include "tests/sim/violation.h"

namespace sedge::sim {
namespace {

constexpr std::uint64_t kCalmPatienceUs = 300'000'000;  // virtual: longer than any time-out of a client or of the protocol
constexpr std::uint64_t kCalmMostEvents = 2'000'000;
constexpr std::uint64_t kRoomInCalm = 100'000;          // segments

}  // namespace

Simulation::Simulation(const RunOptions& options)
    : options_(options),
      world_(options.seed),
      faults_(world_.random.fork()),
      network_(world_, world_.random.fork()),
      disk_(world_.settings.broker.segment_bytes, world_.settings.disk_segments),
      node_(world_, network_, disk_, world_.random.fork(), options.bug),
      verifier_(world_, network_, "verifier", world_.random.fork()) {
    world_.verbose = options.verbose;
    disk_.watch(&world_.history);
    make_clients();
}

void Simulation::make_clients() {
    const auto add = [&]<class Kind>(std::uint64_t count, const char* name, std::type_identity<Kind>) {
        for (std::uint64_t i = 0; i < count; ++i)
            clients_.push_back(std::make_unique<Kind>(world_, network_, name + std::to_string(i), world_.random.fork()));
    };
    const Settings& settings = world_.settings;
    add(settings.admins, "admin", std::type_identity<AdminClient>());
    add(settings.plain_producers, "plain", std::type_identity<PlainProducer>());
    add(settings.idempotent_producers, "idempotent", std::type_identity<IdempotentProducer>());
    add(settings.consumers, "consumer", std::type_identity<Consumer>());
    add(settings.listers, "lister", std::type_identity<OffsetLister>());
    add(settings.hostile, "hostile", std::type_identity<HostileClient>());
}

void Simulation::step() {
    world_.clock.advance_to(world_.events.next_us());
    world_.set_time();
    auto [number, action] = world_.events.take();
    world_.fingerprint.add(number);
    world_.fingerprint.add(world_.clock.now_us());
    ++world_.totals.events;
    action();
}

void Simulation::run() {
    node_.start();
    for (const auto& client : clients_) client->begin();
    for (std::uint64_t i = 0; i < options_.steps; ++i) {
        maybe_fault();
        step();
    }
    calm_down();
    restart_and_read_everything(false);
    restart_and_read_everything(true);
    node_.stop_cleanly();
    run_until("a clean stop and a start after it", [this, before = world_.totals.starts] {
        return node_.running() && world_.totals.starts > before;
    });
}

void Simulation::maybe_fault() {
    const Settings& settings = world_.settings;
    world_.set_time();
    if (faults_.one_in(settings.crash)) node_.crash();
    if (faults_.one_in(settings.power_cut)) node_.power_cut();
    if (faults_.one_in(settings.clean_stop)) node_.stop_cleanly();
    if (faults_.one_in(settings.full_disk)) fill_disk();
    if (faults_.one_in(settings.flipped_bit) && disk_.flip_bit(faults_)) {
        ++world_.totals.flipped_bits;
        world_.note("a bit flips");
    }
    if (faults_.one_in(settings.wall_jump)) {
        ++world_.totals.wall_jumps;
        const std::uint64_t by_ms = faults_.magnitude(1, 30ull * 24 * 3600 * 1000);
        world_.clock.jump_wall(faults_.one_in(2) ? static_cast<std::int64_t>(by_ms) : -static_cast<std::int64_t>(by_ms));
        world_.note("the wall clock jumps to " + std::to_string(world_.clock.wall_ms()));
    }
    if (faults_.one_in(settings.sleep)) {
        ++world_.totals.sleeps;
        world_.clock.advance_to(world_.clock.now_us() + faults_.magnitude(1'000, 3ull * 24 * 3600 * 1'000'000));
        world_.note("the machine has slept");
    }
    world_.set_time();
}

void Simulation::fill_disk() {
    ++world_.totals.full_disks;
    world_.note("the disk is full");
    disk_.let_others_take(disk_.free_segments());
    world_.after(faults_.magnitude(10'000, 10'000'000), [this] {
        world_.note("the disk has room again");
        disk_.let_others_take(0);
    });
}

void Simulation::calm_down() {
    world_.note("calm");
    world_.calm = true;
    Settings& settings = world_.settings;
    settings.loss = settings.duplicate = settings.reorder = 0;
    settings.failed_sync = settings.failed_read = settings.slow_commit = 0;
    settings.crash_inside_turn = 0;
    settings.max_delay_us = 500;
    settings.sync_us = 500;
    settings.read_us = 200;
    world_.clock.mend();
    disk_.let_others_take(0);
    disk_.set_capacity(kRoomInCalm);
    run_until("every request ends", [this] {
        if (!node_.running() || world_.answers.outstanding() > 0) return false;
        for (const auto& client : clients_)
            if (!client->is_done()) return false;
        return true;
    });
    verifier_.read_everything();
    run_until("everything can be read", [this] { return verifier_.is_done(); });
}

void Simulation::restart_and_read_everything(bool power_cut) {
    const std::uint64_t before = world_.totals.starts;
    if (power_cut)
        node_.power_cut();
    else
        node_.crash();
    run_until("a restart", [this, before] { return node_.running() && world_.totals.starts > before; });
    verifier_.read_everything();
    run_until("everything can be read after a restart", [this] { return verifier_.is_done() && world_.answers.outstanding() == 0; });
}

std::string Simulation::what_is_left() const {
    std::string text = node_.running() ? "" : " the node does not run;";
    for (const auto& client : clients_)
        if (!client->is_done()) text += " " + client->describe() + ";";
    if (!verifier_.is_done()) text += " " + verifier_.describe() + ";";
    return text + world_.answers.describe_outstanding();
}

template <class Done>
void Simulation::run_until(const char* what, Done&& done) {
    const std::uint64_t deadline_us = world_.clock.now_us() + kCalmPatienceUs;
    for (std::uint64_t i = 0; !done(); ++i) {
        if (i > kCalmMostEvents || world_.clock.now_us() > deadline_us)
            violated("after the faults have stopped it takes too long until: " + std::string(what) + ":" + what_is_left());
        step();
    }
}

void Simulation::fill(RunResult& result) const {
    result.totals = world_.totals;
    result.totals.final_records_read = verifier_.records_read();
    result.answers = world_.answers.counts();
    result.records_stored = world_.history.records_stored();
    result.fingerprint = world_.fingerprint.value();
}

RunResult run_seed(const RunOptions& options) {
    RunResult result;
    Simulation simulation(options);
    try {
        simulation.run();
    } catch (const Violation& violation) {
        result.ok = false;
        result.violation = violation.what;
    }
    simulation.fill(result);
    return result;
}

}  // namespace sedge::sim
