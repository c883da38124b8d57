// What should be: every topic and record that the core has written, by how far each has got (issued, in the system's cache, synced),
// what was promised about it, and so what must be there after a crash. It watches the writes leave the core and the disk store them.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "node/core/broker.h"
#include "tests/sim/settings.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/topic_facts.h"
#include "schema/record_batch.h"

namespace sedge::sim {

struct RecordFacts {
    std::uint64_t content = 0;  // hash of key, value and headers
    std::uint64_t timestamp_ms = 0;
    bool operator==(const RecordFacts&) const = default;
};
std::uint64_t content_hash(const std::optional<ByteView>& key, const std::optional<ByteView>& value);
// Continues `hash` with one header.
std::uint64_t with_header(std::uint64_t hash, std::string_view name, ByteView value);
// A violation if the body does not parse.
std::vector<RecordFacts> record_facts(ByteView batch);

struct BatchFacts {
    std::uint64_t base = 0, end = 0;
    std::uint64_t append_time_ms = 0;
    std::uint64_t bytes = 0;
    ProducerId producer;
    std::uint32_t producer_epoch = 0, sequence = 0;
    bool damaged = false;
};

// One partition. Nothing leaves `records` but what was lost: retention only moves the start.
struct Log {
    std::vector<RecordFacts> records;
    std::vector<BatchFacts> batches;
    std::vector<std::uint64_t> starts{0};  // the newest last; a loss takes it back
    std::uint64_t synced_start = 0;
    std::uint64_t cached_end = 0, synced_end = 0;
    std::uint64_t promised_end = 0;        // acknowledged, or shown to a consumer
    std::uint64_t seen_watermark = 0;
    struct Producer {
        std::uint32_t epoch = 0;
        std::uint32_t next_sequence = 0;
        std::uint64_t append_time_ms = 0;
    };
    std::map<ProducerId, Producer> producers;

    std::uint64_t end() const { return records.size(); }
    const BatchFacts* batch_of(std::uint64_t offset) const;
    bool damaged_at(std::uint64_t offset) const {
        const BatchFacts* batch = batch_of(offset);
        return batch != nullptr && batch->damaged;
    }
};

struct Topic {
    TopicId id;
    std::vector<TopicFacts> versions;  // as created, then each alteration; the newest last
    std::vector<Log> logs;
    bool ever_unsynced = false;        // had durability=os at some time: a power cut may take what was acknowledged
    std::uint64_t created_synced_us = 0, deleted_issued_us = 0, deleted_synced_us = 0;  // 0: not yet

    const TopicFacts& facts() const { return versions.back(); }
};

class History : public DiskWatcher {
  public:
    explicit History(const Settings& settings) : settings_(settings) {}

    // The simulation says what time it is before anything else of an event.
    void set_time(std::uint64_t now_us, const node::Now& now) {
        now_us_ = now_us;
        now_ = now;
    }

    // --- A process's life ---
    // Its state after restoring must be what the disk holds.
    void on_process_start(const std::vector<node::Broker::PartitionView>& views, Epoch epoch);
    void on_issued(const node::JournalWrite& write);
    void on_release(const node::ReleaseRecords& release) const;
    // What had not reached the system is gone.
    void on_process_end();

    void on_cached(const StoredWrite& write) override;
    void on_synced(const StoredWrite& write) override;
    void on_lost(const StoredWrite& write) override;
    void on_damaged(const StoredEntry& entry) override;

    // --- What was promised; for the checker of answers ---
    std::map<TopicId, Topic>& topics() { return topics_; }
    const std::map<TopicId, Topic>& topics() const { return topics_; }
    std::uint64_t now_us() const { return now_us_; }
    std::uint64_t records_stored() const { return records_stored_; }

  private:
    struct Change {
        node::EntryType type;
        PartitionId partition;
        std::uint64_t base = 0;
    };
    Topic& live_topic(const TopicId& id, const char* otherwise);
    void issue_batch(const node::JournalEntry& entry);
    void issue_log_start(const node::JournalEntry& entry);
    void check_sequence(const Log& log, const BatchHeader& header) const;
    void undo(node::EntryType type, PartitionId partition, std::uint64_t base, bool power_cut);
    void truncate(Topic& topic, Log& log, std::uint64_t end, bool power_cut);

    const Settings& settings_;
    std::uint64_t now_us_ = 0;
    node::Now now_;
    Epoch epoch_;
    std::map<TopicId, Topic> topics_;
    std::deque<Change> issued_;  // not yet cached, in order
    std::uint64_t records_stored_ = 0;
};

}  // namespace sedge::sim
