// A process that uses a journal as the event loop does, one step at a time.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "schema/record_batch.h"
#include "tests/contract/journal_contract.h"

namespace sedge::contract {

const inline PartitionId kPartition{TopicId{{1, 2, 3}}, PartitionIndex{7}};
const inline PartitionId kOther{TopicId{{1, 2, 3}}, PartitionIndex{8}};

// A batch whose records' times are 1000 + their offsets.
inline Buffer batch_at(std::uint64_t offset, std::uint32_t records = 1, std::size_t value_bytes = 10) {
    BatchBuilder builder;
    const std::string value(value_bytes, static_cast<char>('a' + offset % 26));
    for (std::uint32_t i = 0; i < records; ++i) builder.add(1000 + offset + i, {}, as_bytes(value));
    Buffer batch = builder.finish();
    stamp_batch(batch, Offset{offset}, 5000 + offset, Epoch{1});
    return batch;
}

inline node::JournalEntry batch_entry(std::uint64_t offset, std::uint32_t records = 1, std::size_t value_bytes = 10,
                                      const PartitionId& partition = kPartition) {
    return {node::EntryType::batch, partition, Offset{offset}, SharedBytes::take(batch_at(offset, records, value_bytes))};
}

class JournalProcess {
  public:
    struct Replayed {
        node::EntryType type;
        PartitionId partition;
        Offset base;
        std::string payload;
    };

    explicit JournalProcess(JournalWorld& world, const std::vector<node::ReleaseRecords>& live = {{kPartition, {}}, {kOther, {}}})
        : world_(world), journal_(world.open()) {
        const node::RecoverySink sink{
            [this](ByteView bytes) {
                checkpoint = std::string(as_text(bytes));
                replayed.clear();
                return Status{};
            },
            [this](const node::JournalEntry& entry, ByteView payload) {
                replayed.push_back({entry.type, entry.partition, entry.base_offset, std::string(as_text(payload))});
                if (const auto batch = parse_batch_header(payload); entry.type == node::EntryType::batch && batch.ok())
                    raise_end(entry.partition, batch->end_offset());
                return Status{};
            },
            [this](const PartitionId& partition, Offset end) { raise_end(partition, end); }};
        REQUIRE(journal_->recover(sink).ok());
        journal_->retain(live);
        journal_->start();
        collect();
    }

    node::Journal& journal() { return *journal_; }
    std::uint64_t last_token() const { return last_token_; }
    std::uint64_t stored_to() const { return stored_to_; }
    const node::JournalRoom& room() const { return room_; }

    std::uint64_t append(std::vector<node::JournalEntry> entries, bool sync = true) {
        journal_->append({node::WriteToken{++last_token_}, sync, false, std::move(entries)});
        return last_token_;
    }
    std::uint64_t append_roll(std::string_view state) {
        wait_until([this] { return room_.next_segment_ready; });
        room_.next_segment_ready = false;
        std::vector<node::JournalEntry> entries;
        entries.push_back({node::EntryType::checkpoint, {}, {}, SharedBytes::copy_of(as_bytes(state))});
        journal_->append({node::WriteToken{++last_token_}, true, true, std::move(entries)});
        return last_token_;
    }
    bool commit_inline(std::vector<node::JournalEntry> entries) {
        node::JournalWrite write{node::WriteToken{last_token_ + 1}, true, false, std::move(entries)};
        const bool done = journal_->commit_inline(write);
        if (done) stored_to_ = ++last_token_;
        else REQUIRE(!write.entries.empty());
        return done;
    }
    void wait_stored(std::uint64_t token) {
        wait_until([&] { return stored_to_ >= token; });
    }
    void roll(std::string_view state) { wait_stored(append_roll(state)); }
    void store(std::vector<node::JournalEntry> entries) { wait_stored(append(std::move(entries))); }
    void store_batch(std::uint64_t offset, std::uint32_t records = 1, std::size_t value_bytes = 10) {
        store({batch_entry(offset, records, value_bytes)});
    }

    node::ReadResult read(node::ReadEffect effect) {
        const std::uint64_t id = ++last_read_;
        std::visit([&](auto& each) { each.read_id = id; }, effect);
        journal_->read(effect);
        wait_until([&] { return !reads_.empty(); });
        REQUIRE(reads_.size() == 1);
        REQUIRE(reads_.front().read_id == id);
        node::ReadResult result = std::move(reads_.front().result);
        reads_.clear();
        return result;
    }
    // The base offsets of the batches that a read gives; every batch is checked.
    std::vector<std::uint64_t> bases(std::uint64_t from, std::uint64_t end, std::size_t max_bytes = 1u << 20,
                                     const PartitionId& partition = kPartition) {
        const node::ReadResult result = read(node::ReadRecords{0, partition, Offset{from}, Offset{end}, max_bytes});
        REQUIRE(result.outcome == node::ReadResult::Outcome::found);
        std::vector<std::uint64_t> out;
        for (const SharedBytes& part : result.batches) {
            for (ByteView rest = part.view(); !rest.empty();) {
                const auto header = check_appended_batch(rest);
                REQUIRE(header.ok());
                if (!out.empty()) REQUIRE(header->base_offset.value == read_to_);
                read_to_ = header->end_offset().value;
                out.push_back(header->base_offset.value);
                rest = rest.subspan(header->size_bytes);
            }
        }
        return out;
    }
    // All of them, by as many reads as it takes.
    std::vector<std::uint64_t> all_bases(std::uint64_t from, std::uint64_t end, const PartitionId& partition = kPartition) {
        std::vector<std::uint64_t> out;
        while (from < end) {
            const auto more = bases(from, end, 64u << 10, partition);
            REQUIRE(!more.empty());
            REQUIRE(read_to_ > from);
            out.insert(out.end(), more.begin(), more.end());
            from = read_to_;
        }
        return out;
    }
    std::uint64_t find(std::uint64_t time_ms, std::uint64_t start, std::uint64_t end) {
        return read(node::FindTime{0, kPartition, Offset{start}, Offset{end}, time_ms}).offset.value;
    }

    void collect() {
        node::Journal::Completed done = journal_->collect();
        if (done.durable_to.value != 0) {
            REQUIRE(done.durable_to.value >= stored_to_);
            REQUIRE(done.durable_to.value <= last_token_);
            stored_to_ = done.durable_to.value;
        }
        std::move(done.reads.begin(), done.reads.end(), std::back_inserter(reads_));
        room_ = done.room;
    }
    template <class Condition>
    void wait_until(Condition reached) {
        for (collect(); !reached(); collect()) world_.wait();
    }

    void close() {
        journal_->close();
        journal_.reset();
    }
    void kill() { world_.kill(std::move(journal_)); }

    std::string checkpoint;
    std::vector<Replayed> replayed;
    // How far the partition reached, as far as the replay told.
    std::uint64_t end_of(const PartitionId& partition) const {
        const auto known = ends_.find(partition);
        return known == ends_.end() ? 0 : known->second.value;
    }
    std::vector<std::uint64_t> replayed_bases() const {
        std::vector<std::uint64_t> out;
        for (const Replayed& each : replayed)
            if (each.type == node::EntryType::batch) out.push_back(each.base.value);
        return out;
    }

  private:
    void raise_end(const PartitionId& partition, Offset end) { ends_[partition] = std::max(ends_[partition], end); }

    JournalWorld& world_;
    std::map<PartitionId, Offset> ends_;
    std::unique_ptr<node::Journal> journal_;
    std::uint64_t last_token_ = 0, stored_to_ = 0, last_read_ = 0, read_to_ = 0;
    node::JournalRoom room_;
    std::vector<node::Journal::Completed::Read> reads_;
};

inline std::vector<std::uint64_t> count_up(std::uint64_t from, std::uint64_t end, std::uint64_t step = 1) {
    std::vector<std::uint64_t> out;
    for (; from < end; from += step) out.push_back(from);
    return out;
}

}  // namespace sedge::contract
