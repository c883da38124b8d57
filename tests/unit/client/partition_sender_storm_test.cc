// The sender against a node's own rules for sequences, over a network that loses, delays and cuts: thousands of seeded runs.
#include <algorithm>
#include <catch2/catch.hpp>
#include <deque>
#include <map>
#include <random>

#include "client/partition_sender.h"
#include "node/core/producer_table.h"

namespace sedge {
namespace {

constexpr int kBatches = 40;
constexpr std::size_t kManyProducers = 1'000;
constexpr std::uint64_t kNoExpiry = 1ull << 40;

struct Faults {
    bool late_delivery = false;  // what was written to a lost connection may arrive afterwards
    bool forgetting = false;     // the node forgets a producer that is idle: those idle for the longest go first
    bool deadlines = false;      // batches are given up
    bool refusals = false;       // for good, of single batches
};

class Storm {
  public:
    Storm(std::uint32_t seed, Faults faults)
        : random_(seed),
          faults_(faults),
          sender_({ProducerId{7}, 5, 20, 100}, [this](const OutgoingBatch& batch, std::uint64_t attempt) { transmit(batch, attempt); },
                  [this](OutgoingBatch& batch, const Status& status, const ProduceResponse*) { settled(batch, status); }) {}

    void run() {
        for (int step = 0; step < 20'000 && (next_ < kBatches || !sender_.idle()); ++step) {
            const bool calm = step > 1'000;  // faults end, and then everything must end
            switch (random_() % 8) {
                case 0:
                case 1: send_next(); break;
                case 2:
                case 3:
                case 4: deliver_one(calm); break;
                case 5:
                    if (!calm && chance(4)) cut();
                    break;
                case 6:
                    if (!late_.empty()) deliver_late();
                    break;
                default:
                    now_ += 50;
                    if (!calm && faults_.forgetting && sender_.idle() && chance(2)) table_ = {};
            }
            sender_.work(now_);
        }
        while (!late_.empty()) deliver_late();
        check();
    }

  private:
    struct Message {
        std::uint64_t attempt;
        SharedBytes bytes;
        int batch;
    };

    bool chance(std::uint32_t one_in) { return random_() % one_in == 0; }
    static int batch_of(const SharedBytes& bytes) {
        int number = -1;
        (void)for_each_record(bytes.view(), [&](Offset, RecordView& record) {
            number = std::stoi(std::string(as_text(*record.value)));
            return false;
        });
        return number;
    }

    void send_next() {
        if (next_ >= kBatches || !sender_.has_room()) return;
        auto batch = std::make_unique<OutgoingBatch>(Codec::none);
        const auto text = std::to_string(next_++);
        const auto records = 1 + random_() % 3;
        for (std::uint32_t i = 0; i < records; ++i) {
            batch->builder.add(0, std::nullopt, as_bytes(text));
            batch->reports.push_back({});
        }
        batch->deadline_ms = faults_.deadlines ? now_ + 400 : kNoExpiry;
        sender_.send(std::move(batch));
    }

    void transmit(const OutgoingBatch& batch, std::uint64_t attempt) { wire_.push_back({attempt, batch.bytes, batch_of(batch.bytes)}); }

    // The node's side: its answer's code.
    ErrorCode store(const Message& message) {
        const auto header = check_batch(message.bytes.view());
        if (!header.ok()) return header.status().code;
        std::optional<node::ProducerTable::Batch> original;
        const auto status = table_.check(*header, original);
        if (!status.ok()) return status.code;
        if (original) return ErrorCode::ok;
        table_.on_append(*header, kManyProducers, kNoExpiry);
        log_.push_back(message.batch);
        return ErrorCode::ok;
    }

    void deliver_one(bool calm) {
        if (wire_.empty()) return;
        const auto message = wire_.front();
        wire_.pop_front();
        const ProduceResponse stored;
        const Status busy{ErrorCode::busy, ""};
        const Status never{ErrorCode::record_too_large, ""};
        if (!calm && chance(15)) return sender_.on_answer(now_, message.attempt, busy, false, nullptr);
        if (!calm && faults_.refusals && chance(25)) return sender_.on_answer(now_, message.attempt, never, false, nullptr);
        const auto code = !calm && chance(15) ? ErrorCode::timed_out : store(message);
        if (code == ErrorCode::timed_out || (!calm && chance(10)))  // not stored and not answered, or stored and not answered
            return sender_.on_answer(now_, message.attempt, {ErrorCode::timed_out, ""}, true, nullptr);
        sender_.on_answer(now_, message.attempt, {code, ""}, false, code == ErrorCode::ok ? &stored : nullptr);
    }

    void cut() {
        auto lost = std::move(wire_);
        wire_.clear();
        for (const auto& message : lost) {
            if (faults_.late_delivery && chance(2)) late_.push_back(message);
            sender_.on_answer(now_, message.attempt, {ErrorCode::unreachable, ""}, true, nullptr);
        }
    }

    void deliver_late() {
        store(late_.front());  // nobody hears the answer
        late_.pop_front();
    }

    void settled(const OutgoingBatch& batch, const Status& status) {
        const auto number = batch_of(batch.bytes);
        REQUIRE_FALSE(outcomes_.contains(number));
        outcomes_[number] = {status.ok(), batch.maybe_stored};
    }

    void check() const {
        REQUIRE(sender_.idle());
        REQUIRE(outcomes_.size() == kBatches);
        CHECK(std::is_sorted(log_.begin(), log_.end()));  // and so nothing came too late
        for (const auto& [number, outcome] : outcomes_) {
            const auto copies = std::count(log_.begin(), log_.end(), number);
            CHECK(copies <= 1);
            if (outcome.acknowledged) CHECK(copies == 1);
            if (!outcome.acknowledged && !outcome.maybe_stored) CHECK(copies == 0);
            if (!faults_.deadlines && !faults_.forgetting && !faults_.refusals) CHECK(outcome.acknowledged);
        }
    }

    struct Outcome {
        bool acknowledged = false;
        bool maybe_stored = false;
    };
    std::mt19937 random_;
    const Faults faults_;
    std::uint64_t now_ = 1'000;
    int next_ = 0;
    node::ProducerTable table_;
    std::vector<int> log_;
    std::deque<Message> wire_;
    std::deque<Message> late_;
    std::map<int, Outcome> outcomes_;
    PartitionSender sender_;
};

void storms(std::uint32_t first_seed, Faults faults) {
    constexpr std::uint32_t kSeeds = 400;
    for (std::uint32_t seed = first_seed; seed < first_seed + kSeeds; ++seed) {
        INFO("seed " << seed);
        Storm(seed, faults).run();
    }
}

TEST_CASE("lost answers and cut connections", "[partition_sender_storm]") { storms(1, {}); }
TEST_CASE("and late deliveries", "[partition_sender_storm]") { storms(10'000, {.late_delivery = true}); }
TEST_CASE("and batches given up", "[partition_sender_storm]") { storms(20'000, {.late_delivery = true, .deadlines = true}); }
TEST_CASE("and batches refused for good", "[partition_sender_storm]") { storms(30'000, {.late_delivery = true, .refusals = true}); }
TEST_CASE("and a forgetful node", "[partition_sender_storm]") { storms(40'000, {.forgetting = true}); }
TEST_CASE("and everything at once", "[partition_sender_storm]") {
    storms(50'000, {.forgetting = true, .deadlines = true, .refusals = true});
}

}  // namespace
}  // namespace sedge
