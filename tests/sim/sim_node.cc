#include "tests/sim/sim_node.h"

#include <algorithm>
#include <limits>

#include "schema/request.h"
#include "schema/response.h"
#include "tests/sim/violation.h"

namespace sedge::sim {
namespace {

constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kTurnUs = 20;             // how long a turn of the loop takes at least
constexpr std::uint64_t kStopPatienceUs = 5'000'000;
constexpr std::size_t kMostMessagesPerTurn = 8;
constexpr std::size_t kInlineOneIn = 3;

// Frames as the core gets them from a socket: it may keep their memory by sharing, and must not touch it otherwise after the call.
class SimMessage : public node::InboundMessage {
  public:
    explicit SimMessage(Frames frames) {
        for (Buffer& frame : frames) frames_.push_back(std::make_shared<Buffer>(std::move(frame)));
    }
    std::size_t frames() const override { return frames_.size(); }
    MutableBytes bytes(std::size_t frame) override { return *frames_[frame]; }
    SharedBytes share(std::size_t frame) override { return {frames_[frame], ByteView(*frames_[frame])}; }

  private:
    std::vector<std::shared_ptr<Buffer>> frames_;
};

std::string describe(const node::JournalWrite& write) {
    constexpr const char* kTypes[] = {"?", "batch", "created", "altered", "deleted", "log_start", "checkpoint"};
    std::string text = "write " + std::to_string(write.token.value) + (write.roll ? " roll" : "") + (write.sync ? " sync" : "");
    for (const node::JournalEntry& entry : write.entries) {
        text += std::string(", ") + kTypes[static_cast<std::size_t>(entry.type)];
        if (entry.type != node::EntryType::checkpoint) text += " " + to_string(entry.partition.topic).substr(0, 8) + "/" + std::to_string(entry.partition.partition.value);
        if (entry.type == node::EntryType::batch || entry.type == node::EntryType::log_start) text += " at " + std::to_string(entry.base_offset.value);
    }
    return text;
}

std::string describe(const std::string& connection, ByteView frame) {
    const auto decoded = decode_request(frame);
    const auto* request = std::get_if<Request>(&decoded);
    if (request == nullptr) return connection + " sends nonsense";
    std::string text = connection + " #" + std::to_string(request->correlation_id) + " " + std::string(api_name(request->body));
    std::visit([&](const auto& api) {
        if constexpr (requires { api.topic; }) text += " " + std::string(api.topic);
        if constexpr (requires { api.merge_answers; }) text += api.partition ? "/" + std::to_string(api.partition->value) : "/any";
        if constexpr (requires { api.offset; }) text += "/" + std::to_string(api.partition.value) + " at " + std::to_string(api.offset.value);
    }, request->body);
    return text;
}

}  // namespace

SimNode::SimNode(World& world, Network& network, SimDisk& disk, Random random, PlantedBug bug)
    : world_(world), network_(network), disk_(disk), random_(random), bugs_(bug, random_.next()) {
    network_.set_server(this);
}
SimNode::~SimNode() = default;

node::Now SimNode::now() const {
    node::Now now = world_.clock.now();
    bugs_.change(now);
    return now;
}

void SimNode::start() {
    if (running()) return;
    ++life_;
    ++world_.totals.starts;
    world_.set_time();
    node::BrokerOptions options = world_.settings.broker;
    options.epoch = Epoch{static_cast<std::uint32_t>(life_)};
    options.random_seed = random_.next();
    journal_ = std::make_unique<SimJournal>(disk_, world_.settings, random_.fork(), world_.clock.now_us(), bugs_.journal_bugs());
    broker_ = std::make_unique<node::Broker>(options);
    node::RecoverySink core;
    core.checkpoint = [this](ByteView checkpoint) { return broker_->restore_checkpoint(checkpoint); };
    core.entry = [this](const node::JournalEntry& entry, ByteView payload) { return broker_->restore_entry(entry, payload); };
    const Status recovered = journal_->recover(bugs_.between(core));
    if (!recovered.ok()) violated("a restart fails: " + recovered.message);
    std::vector<node::ReleaseRecords> live;
    for (const auto& view : broker_->partitions()) live.push_back({view.id, view.start});
    world_.history.on_process_start(broker_->partitions(), options.epoch);
    journal_->retain(live);
    journal_->start();
    const auto completed = journal_->collect();
    broker_->start(now(), completed.room);
    next_wake_us_ = kNever;
    stopping_ = false;
    world_.note("start " + std::to_string(life_));
    wake_at(world_.clock.now_us());
}

void SimNode::crash() {
    if (running()) end(End::crash);
}

void SimNode::power_cut() {
    if (running()) return end(End::power_cut);
    disk_.power_cut(random_);
}

void SimNode::stop_cleanly() {
    if (!running() || stopping_) return;
    stopping_ = true;
    stop_deadline_us_ = world_.clock.now_us() + kStopPatienceUs;
    broker_->begin_shutdown(now());
    world_.note("clean stop begins");
    wake_at(world_.clock.now_us());
}

void SimNode::end(End how) {
    constexpr const char* kNames[] = {"crash", "power cut", "failed sync", "clean stop"};
    world_.note(std::string(kNames[static_cast<std::size_t>(how)]) + " of start " + std::to_string(life_));
    Totals& totals = world_.totals;
    totals.cold_reads += journal_->statistics().cold_reads;
    broker_.reset();
    journal_.reset();
    inbox_.clear();
    untaken_.clear();
    untaken_total_ = 0;
    unsynced_.clear();
    unsynced_total_ = 0;
    world_.history.on_process_end();
    world_.answers.on_process_end();
    switch (how) {
        case End::crash: ++totals.crashes; break;
        case End::power_cut: ++totals.power_cuts; break;
        case End::failed_sync: ++totals.failed_syncs; break;
        case End::clean: ++totals.clean_stops; break;
    }
    // After a failed sync the system may have dropped what it could not write.
    if (how == End::power_cut || how == End::failed_sync) disk_.power_cut(random_);
    world_.after(world_.calm ? 1'000 : random_.magnitude(100, 1'000'000), [this, life = life_] {
        if (life == life_) start();
    });
}

void SimNode::deliver(const std::string& connection, Frames frames) {
    if (!running()) return;
    inbox_.push_back({connection, std::move(frames)});
    wake_at(world_.clock.now_us() + kTurnUs);
}

void SimNode::on_reply_taken(std::uint64_t life, const std::string& connection, std::size_t reply_bytes) {
    if (!running() || life != life_) return;
    untaken_[connection] -= reply_bytes;
    untaken_total_ -= reply_bytes;
    broker_->on_reply_taken({connection}, reply_bytes);
    wake_at(world_.clock.now_us() + kTurnUs);
}

void SimNode::wake_at(std::uint64_t at_us) {
    at_us = std::max(at_us, world_.clock.now_us());
    if (at_us >= next_wake_us_) return;
    next_wake_us_ = at_us;
    world_.events.schedule(at_us, [this, life = life_, at_us] {
        if (life != life_ || at_us != next_wake_us_ || !running()) return;
        next_wake_us_ = kNever;
        turn();
    });
}

void SimNode::wake_when_due() {
    const std::uint64_t now_us = world_.clock.now_us();
    if (!inbox_.empty() && broker_->wants_input()) wake_at(now_us + kTurnUs);
    const std::uint64_t tick_ms = broker_->next_tick_ms();
    if (tick_ms < kNever / 1000) wake_at(std::max(now_us + kTurnUs, tick_ms * 1000));
    const std::uint64_t due_us = journal_->next_due_us();
    if (due_us != kNever) wake_at(std::max(now_us + 1, due_us));
    if (stopping_) wake_at(now_us + 1'000);
}

void SimNode::turn() {
    const bool input_first = random_.one_in(2);
    if (input_first) take_input();
    if (!take_completions()) return;
    if (!input_first) take_input();
    if (broker_->next_tick_ms() <= world_.clock.now_ms()) broker_->on_tick(now());
    for (node::Effects effects;; effects.clear()) {
        broker_->take_effects(now(), effects);
        if (effects.empty()) break;
        bugs_.change(effects);
        if (!carry_out(effects)) return;
    }
    check_budgets();
    if (stopping_ && broker_->is_idle() && journal_->is_idle()) {
        journal_->close();
        return end(journal_->failed() ? End::failed_sync : End::clean);
    }
    if (stopping_ && world_.clock.now_us() > stop_deadline_us_) return end(End::crash);
    wake_when_due();
}

bool SimNode::take_completions() {
    journal_->run_until(world_.clock.now_us());
    if (journal_->failed()) {
        end(End::failed_sync);
        return false;
    }
    auto completed = journal_->collect();
    if (completed.durable_to.value > 0) note_durable(completed.durable_to);
    for (auto& read : completed.reads) {
        bugs_.change(read.result);
        broker_->on_read(now(), read.read_id, std::move(read.result));
    }
    if (completed.room_changed) broker_->on_room(now(), completed.room);
    if (completed.problems_changed) broker_->on_storage_problems(journal_->problems());
    return true;
}

void SimNode::take_input() {
    // A message that was already read when the core lost its appetite is still given to it.
    bool one_more = random_.one_in(4);
    for (std::size_t n = random_.between(1, kMostMessagesPerTurn); n > 0 && !inbox_.empty(); --n) {
        if (!broker_->wants_input() && !std::exchange(one_more, false)) break;
        Inbound inbound = std::move(inbox_.front());
        inbox_.pop_front();
        const ByteView first = inbound.frames.empty() ? ByteView() : ByteView(inbound.frames[0]);
        const ByteView second = inbound.frames.size() < 2 ? ByteView() : ByteView(inbound.frames[1]);
        if (world_.verbose) world_.note(describe(inbound.connection, first));
        world_.answers.on_request(inbound.connection, first, second, inbound.connection.starts_with("hostile"));
        SimMessage message(std::move(inbound.frames));
        broker_->on_message(now(), {inbound.connection}, message);
    }
}

bool SimNode::dies_here() {
    if (!random_.one_in(world_.settings.crash_inside_turn)) return false;
    end(random_.one_in(2) ? End::crash : End::power_cut);
    return true;
}

bool SimNode::carry_out(node::Effects& effects) {
    for (const node::JournalWrite& entry : effects.writes) world_.history.on_issued(entry);
    const bool sends_first = random_.one_in(2);
    for (int pass = 0; pass < 2; ++pass) {
        if ((pass == 0) == sends_first) {
            for (node::Send& answer : effects.sends) {
                if (dies_here()) return false;
                send(answer);
            }
        } else {
            for (node::JournalWrite& entry : effects.writes)
                if (dies_here() || !write(entry)) return false;
        }
    }
    for (node::ReadEffect& request : effects.reads) journal_->read(std::move(request));
    for (const node::ReleaseRecords& release : effects.releases) {
        world_.history.on_release(release);
        journal_->release(release);
    }
    return !dies_here();
}

bool SimNode::write(node::JournalWrite& write) {
    world_.fingerprint.add(write.token.value);
    std::size_t record_bytes = 0;
    for (const node::JournalEntry& entry : write.entries)
        if (entry.type == node::EntryType::batch) record_bytes += entry.payload.size();
    unsynced_.emplace_back(write.token, record_bytes);
    unsynced_total_ += record_bytes;
    for (const node::JournalEntry& entry : write.entries) world_.fingerprint.add(entry.payload.view());
    ++world_.totals.writes;
    if (world_.verbose) world_.note(describe(write));
    if (write.roll) ++world_.totals.segments_begun;
    const node::WriteToken token = write.token;
    if (random_.one_in(kInlineOneIn) && journal_->commit_inline(write)) {
        note_durable(token);
        return true;
    }
    if (journal_->failed()) {
        end(End::failed_sync);
        return false;
    }
    journal_->append(std::move(write));
    if (bugs_.reports_durable_at_append()) broker_->on_durable(now(), token);
    return true;
}

void SimNode::send(node::Send& send) {
    world_.fingerprint.add(send.header);
    if (world_.verbose) world_.note("answer to " + send.to.value + " #" + std::to_string(response_correlation_id(send.header).value_or(0)));
    world_.answers.on_answer(send.to.value, send.header, send.body);
    untaken_[send.to.value] += send.reply_bytes;
    untaken_total_ += send.reply_bytes;
    network_.to_client(life_, std::move(send));
}

void SimNode::note_durable(node::WriteToken token) {
    for (; !unsynced_.empty() && unsynced_.front().first <= token; unsynced_.pop_front()) unsynced_total_ -= unsynced_.front().second;
    broker_->on_durable(now(), token);
}

void SimNode::check_budgets() {
    // One answer may go beyond: it is counted when it is made.
    constexpr std::size_t kOneAnswer = 128u << 10;
    constexpr std::uint64_t kWaitingEvery = 8, kGaugesEvery = 256;
    const node::BrokerOptions& options = world_.settings.broker;
    require(untaken_total_ <= options.max_reply_bytes + kOneAnswer, "answers not taken exceed their budget");
    for (const auto& [connection, bytes] : untaken_)
        require(bytes <= options.max_reply_bytes_per_connection + kOneAnswer, "a connection's answers not taken exceed their budget");
    require(unsynced_total_ <= 2 * options.max_unsynced_bytes + kOneAnswer, "records not yet stored exceed their budget");
    ++turns_;
    if (turns_ % kWaitingEvery == 0)
        world_.answers.check_waiting(options.max_waiting_fetches_per_connection, journal_->reads_pending());
    if (turns_ % kGaugesEvery == 0) check_gauges();
}

// What the core says of itself is what we count.
void SimNode::check_gauges() const {
    const node::BrokerOptions& options = world_.settings.broker;
    for (const node::Metric& metric : broker_->metrics()) {
        const auto value = static_cast<std::uint64_t>(metric.value);
        if (metric.name == "sedge_recent_bytes") require(value <= options.recent_bytes, "recent batches exceed their budget");
        if (metric.name == "sedge_waiting_fetches") require(value <= options.max_waiting_fetches, "more fetches wait than may");
        if (metric.name == "sedge_reply_bytes" && !journal_->reads_pending())
            require(value == untaken_total_, "the core counts other reply bytes than it has handed out");
    }
}

}  // namespace sedge::sim
