#include "tests/sim/history.h"

#include <algorithm>

#include "tests/sim/violation.h"

namespace sedge::sim {
namespace {

std::string name_of(const PartitionId& id) { return to_string(id.topic).substr(0, 8) + "/" + std::to_string(id.partition.value); }

void note_sequence(Log& log, const BatchFacts& batch, std::uint32_t count) {
    if (batch.producer.value == 0) return;
    log.producers[batch.producer] = {batch.producer_epoch, (batch.sequence + count) % kSequenceModulus, batch.append_time_ms};
}

}  // namespace

std::uint64_t content_hash(const std::optional<ByteView>& key, const std::optional<ByteView>& value) {
    Fingerprint hash;
    hash.add(key ? 1u : 0u);
    if (key) hash.add(*key);
    hash.add(value ? 1u : 0u);
    if (value) hash.add(*value);
    return hash.value();
}

std::uint64_t with_header(std::uint64_t hash, std::string_view name, ByteView value) {
    Fingerprint print;
    print.add(hash);
    print.add(as_bytes(name));
    print.add(value);
    return print.value();
}

std::vector<RecordFacts> record_facts(ByteView batch) {
    std::vector<RecordFacts> facts;
    const Status status = for_each_record(batch, [&](Offset, const RecordView& record) {
        std::uint64_t hash = content_hash(record.key, record.value);
        for (const RecordHeader& header : record.headers) hash = with_header(hash, header.name, header.value);
        facts.push_back({hash, record.timestamp_ms});
        return true;
    });
    if (!status.ok()) violated("a batch does not parse: " + status.message);
    return facts;
}

const BatchFacts* Log::batch_of(std::uint64_t offset) const {
    const auto at = std::partition_point(batches.begin(), batches.end(), [&](const BatchFacts& batch) { return batch.end <= offset; });
    return at == batches.end() ? nullptr : &*at;
}

Topic& History::live_topic(const TopicId& id, const char* otherwise) {
    const auto found = topics_.find(id);
    if (found == topics_.end() || found->second.deleted_issued_us != 0) violated(otherwise);
    return found->second;
}

// Entries about the node and its mesh say nothing of records.
bool is_about_topics(node::EntryType type) {
    return type == node::EntryType::batch || type == node::EntryType::log_start || type == node::EntryType::topic_created ||
           type == node::EntryType::topic_altered || type == node::EntryType::topic_deleted;
}

void History::on_issued(const node::JournalWrite& write) {
    for (const node::JournalEntry& entry : write.entries) {
        const TopicId& id = entry.partition.topic;
        switch (entry.type) {
            case node::EntryType::batch: issue_batch(entry); break;
            case node::EntryType::log_start: issue_log_start(entry); break;
            case node::EntryType::topic_created: {
                require(!topics_.contains(id), "a topic's id is used twice");
                Topic topic;
                topic.id = id;
                topic.versions.push_back(read_topic_facts(entry.payload.view(), id));
                topic.logs.resize(topic.facts().partitions);
                topic.ever_unsynced = !topic.facts().synced;
                for (const auto& [other_id, other] : topics_)
                    require(other.deleted_issued_us != 0 || other.facts().name != topic.facts().name, "two topics have one name");
                topics_.emplace(id, std::move(topic));
                break;
            }
            case node::EntryType::topic_altered: {
                Topic& topic = live_topic(id, "a topic that does not exist is altered");
                topic.versions.push_back(read_topic_facts(entry.payload.view(), id));
                topic.ever_unsynced = topic.ever_unsynced || !topic.facts().synced;
                break;
            }
            case node::EntryType::topic_deleted:
                live_topic(id, "a topic that does not exist is deleted").deleted_issued_us = now_us_;
                break;
            default: break;
        }
        if (!is_about_topics(entry.type)) {
            require(write.sync, "an entry about the mesh is stored without a sync");
            continue;
        }
        issued_.push_back({entry.type, entry.partition, entry.base_offset.value});
        const bool may_wait = entry.type == node::EntryType::batch && topics_.at(id).ever_unsynced;
        require(write.sync || may_wait, "a write that must be synced does not ask for it");
    }
}

void History::issue_batch(const node::JournalEntry& entry) {
    Topic& topic = live_topic(entry.partition.topic, "records are stored in a topic that does not exist");
    require(entry.partition.partition.value < topic.logs.size(), "records are stored in a partition that does not exist");
    Log& log = topic.logs[entry.partition.partition.value];
    const ByteView bytes = entry.payload.view();
    const auto header = check_appended_batch(bytes);
    require(header.ok(), "the core stores a batch whose checksums are wrong");
    if (header->base_offset.value != log.end())
        violated("offsets have a gap: " + name_of(entry.partition) + " ends at " + std::to_string(log.end()) + ", the next batch begins at " +
                 std::to_string(header->base_offset.value));
    require(header->epoch == epoch_, "a batch is appended in another epoch than this start's");
    check_sequence(log, *header);
    auto facts = record_facts(bytes);
    records_stored_ += facts.size();
    log.records.insert(log.records.end(), facts.begin(), facts.end());
    const BatchFacts batch{header->base_offset.value, header->end_offset().value, header->append_time_ms, bytes.size(),
                           header->producer_id, header->producer_epoch, header->base_sequence, false};
    log.batches.push_back(batch);
    note_sequence(log, batch, header->count);
}

// One (producer, sequence) is stored once, and sequences have no gaps, as long as the partition has to remember the producer.
void History::check_sequence(const Log& log, const BatchHeader& header) const {
    if (header.producer_id.value == 0) return;
    const auto known = log.producers.find(header.producer_id);
    if (known == log.producers.end()) {
        require(header.base_sequence == 0, "a producer's first batch does not begin at sequence 0");
        return;
    }
    const Log::Producer& producer = known->second;
    if (log.producers.size() > settings_.broker.max_producers_per_partition) return;  // it may have been forgotten
    const std::uint64_t idle_ms = now_.wall_ms > producer.append_time_ms ? now_.wall_ms - producer.append_time_ms : 0;
    if (idle_ms >= settings_.broker.producer_expiry_ms) return;
    require(header.producer_epoch >= producer.epoch, "a batch of a stale producer epoch is stored");
    const std::uint32_t expected = header.producer_epoch == producer.epoch ? producer.next_sequence : 0;
    if (header.base_sequence != expected)
        violated("a producer's sequence is stored twice or skipped: expected " + std::to_string(expected) + ", stored " +
                 std::to_string(header.base_sequence));
}

// Retention removes only what has expired, and only what is safely stored.
void History::issue_log_start(const node::JournalEntry& entry) {
    Topic& topic = live_topic(entry.partition.topic, "the log start of a topic that does not exist is moved");
    require(entry.partition.partition.value < topic.logs.size(), "the log start of a partition that does not exist is moved");
    Log& log = topic.logs[entry.partition.partition.value];
    const std::uint64_t from = log.starts.back(), to = entry.base_offset.value;
    require(to > from, "a log start moves back");
    require(to <= (topic.ever_unsynced ? log.cached_end : log.synced_end), "a log start moves beyond the high watermark");
    std::uint64_t bytes_from_here = 0;
    std::vector<std::uint64_t> bytes_from(log.batches.size());
    for (std::size_t i = log.batches.size(); i-- > 0;) bytes_from[i] = bytes_from_here += log.batches[i].bytes;
    for (std::size_t i = 0; i < log.batches.size(); ++i) {
        const BatchFacts& batch = log.batches[i];
        if (batch.end <= from || batch.base >= to) continue;
        const bool expired = std::any_of(topic.versions.begin(), topic.versions.end(), [&](const TopicFacts& facts) {
            const bool old = facts.retention_ms && now_.wall_is_trusted && batch.append_time_ms + *facts.retention_ms <= now_.wall_ms;
            const bool too_many = facts.retention_bytes && bytes_from[i] > *facts.retention_bytes;
            return old || too_many;
        });
        require(expired, "retention removes records that have not expired");
    }
    log.starts.push_back(to);
}

void History::on_release(const node::ReleaseRecords& release) const {
    const auto found = topics_.find(release.partition.topic);
    if (found == topics_.end()) return;  // never got created: nothing to lose
    const Topic& topic = found->second;
    if (topic.deleted_synced_us != 0) return;
    require(release.partition.partition.value < topic.logs.size(), "records of an unknown partition are released");
    require(release.below.value <= topic.logs[release.partition.partition.value].synced_start,
            "records are released before the journal says that they are dead");
}

void History::on_cached(const StoredWrite& write) {
    for (const StoredEntry& entry : write.entries) {
        if (!is_about_topics(entry.type)) continue;
        require(!issued_.empty() && issued_.front().type == entry.type && issued_.front().partition == entry.partition &&
                    issued_.front().base == entry.base_offset.value,
                "the journal stores writes in another order than they were issued");
        issued_.pop_front();
        if (entry.type != node::EntryType::batch) continue;
        topics_.at(entry.partition.topic).logs[entry.partition.partition.value].cached_end = entry.end_offset.value;
    }
}

void History::on_synced(const StoredWrite& write) {
    for (const StoredEntry& entry : write.entries) {
        if (!is_about_topics(entry.type)) continue;
        Topic& topic = topics_.at(entry.partition.topic);
        if (entry.type == node::EntryType::topic_created) topic.created_synced_us = now_us_;
        if (entry.type == node::EntryType::topic_deleted) topic.deleted_synced_us = now_us_;
        if (entry.type == node::EntryType::batch) topic.logs[entry.partition.partition.value].synced_end = entry.end_offset.value;
        if (entry.type == node::EntryType::log_start)
            topic.logs[entry.partition.partition.value].synced_start = entry.base_offset.value;
    }
}

void History::on_lost(const StoredWrite& write) {
    for (auto entry = write.entries.rbegin(); entry != write.entries.rend(); ++entry)
        undo(entry->type, entry->partition, entry->base_offset.value, true);
}

void History::on_process_end() {
    for (; !issued_.empty(); issued_.pop_back())
        undo(issued_.back().type, issued_.back().partition, issued_.back().base, false);
}

void History::undo(node::EntryType type, PartitionId partition, std::uint64_t base, bool power_cut) {
    if (!is_about_topics(type)) return;
    Topic& topic = topics_.at(partition.topic);
    switch (type) {
        case node::EntryType::batch: truncate(topic, topic.logs[partition.partition.value], base, power_cut); break;
        case node::EntryType::log_start: topic.logs[partition.partition.value].starts.pop_back(); break;
        case node::EntryType::topic_created: topics_.erase(partition.topic); break;
        case node::EntryType::topic_altered: topic.versions.pop_back(); break;
        case node::EntryType::topic_deleted: topic.deleted_issued_us = 0; break;
        default: break;
    }
}

void History::truncate(Topic& topic, Log& log, std::uint64_t end, bool power_cut) {
    if (!power_cut || !topic.ever_unsynced) require(log.promised_end <= end, "acknowledged or shown records are lost");
    log.records.resize(end);
    while (!log.batches.empty() && log.batches.back().end > end) log.batches.pop_back();
    log.cached_end = std::min(log.cached_end, end);
    log.promised_end = std::min(log.promised_end, end);
    log.seen_watermark = std::min(log.seen_watermark, end);
    log.producers.clear();
    for (const BatchFacts& batch : log.batches) note_sequence(log, batch, static_cast<std::uint32_t>(batch.end - batch.base));
}

void History::on_damaged(const StoredEntry& entry) {
    Log& log = topics_.at(entry.partition.topic).logs[entry.partition.partition.value];
    for (BatchFacts& batch : log.batches)
        if (batch.base == entry.base_offset.value) batch.damaged = true;
}

void History::on_process_start(const std::vector<node::Broker::PartitionView>& views, Epoch epoch) {
    epoch_ = epoch;
    std::size_t expected = 0;
    for (const auto& [id, topic] : topics_)
        if (topic.deleted_issued_us == 0) expected += topic.logs.size();
    for (const auto& view : views) {
        const auto found = topics_.find(view.id.topic);
        require(found != topics_.end(), "a restart brings a topic that is not on the disk");
        const Topic& topic = found->second;
        require(topic.deleted_issued_us == 0, "a restart brings back a deleted topic");
        require(topic.facts().name == view.topic, "a restart changes a topic's name");
        const Log& log = topic.logs.at(view.id.partition.value);
        const auto differ = [&](const char* what, std::uint64_t wanted, Offset got) {
            if (wanted != got.value)
                violated("after a restart the " + std::string(what) + " of " + name_of(view.id) + " is " + std::to_string(got.value) +
                         ", on the disk it is " + std::to_string(wanted));
        };
        differ("start", log.starts.back(), view.start);
        differ("end", log.end(), view.end);
        differ("high watermark", log.end(), view.high_watermark);
    }
    require(views.size() == expected, "a restart has lost a topic");
}

}  // namespace sedge::sim
