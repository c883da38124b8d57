// Restoring the state from the journal: one checkpoint, then the entries behind it, applied as they were applied at first.
//
// What the journal lost to a damaged disk shows as gaps: they are counted and shown in the node's health, and never keep a node from
// starting with what is left.
#include "node/core/broker_state.h"
#include "node/core/checkpoint.h"
#include "node/core/log_entries.h"
#include "node/core/replica_log.h"

namespace sedge::node {
namespace {

Status senseless(std::string what) { return {ErrorCode::storage_failed, "journal: " + std::move(what)}; }

}  // namespace

Status Broker::restore_checkpoint(ByteView checkpoint) {
    State& s = *state_;
    s.catalogue.clear();
    s.known_producers = 0;
    // The checkpoint's own write says what the voter remembers and who the members are.
    s.mesh.registers = s.make_registers();
    s.mesh.has_acceptor = false;
    s.mesh.stored_members.clear();
    if (Status status = decode_checkpoint(checkpoint, s.catalogue); !status.ok()) return status;
    for (const auto& [name, topic] : s.catalogue.topics())
        for (const auto& partition : topic->partitions) s.known_producers += partition->producers.size();
    return {};
}

namespace {

Status restore_created(Catalogue& catalogue, ByteView payload) {
    auto topic = decode_topic(payload);
    if (!topic) return senseless("the description of a topic does not parse");
    if (catalogue.find(topic->id) != nullptr || catalogue.find(topic->name) != nullptr)
        return senseless("topic '" + topic->name + "' is made twice");
    catalogue.add(std::move(*topic));
    return {};
}

// Of a log that has replicas.
Status restore_log_entry(Partition& partition, std::size_t& known_producers, const JournalEntry& entry, ByteView payload) {
    const auto number = decode_number(payload);
    switch (entry.type) {
        case EntryType::log_made:
            if (!number) return senseless("the id of a log");
            partition.begin_log(LogId{*number}, entry.base_offset, known_producers);
            return {};
        case EntryType::truncated:
            if (!partition.cut_off(entry.base_offset, known_producers)) return senseless("committed records are cut off");
            return {};
        case EntryType::epoch_seen:
            if (!number || *number > UINT32_MAX) return senseless("the epoch of a log");
            partition.log->seen_epoch = std::max(partition.log->seen_epoch, Epoch{static_cast<std::uint32_t>(*number)});
            return {};
        default:
            partition.high_watermark = std::clamp(entry.base_offset, partition.high_watermark, partition.end);
            partition.on_watermark_stored(partition.high_watermark);
            return {};
    }
}

}  // namespace

Status Broker::restore_entry(const JournalEntry& entry, ByteView payload) {
    State& s = *state_;
    Partition* partition = s.catalogue.find(entry.partition);
    Topic* topic = s.catalogue.find(entry.partition.topic);
    switch (entry.type) {
        case EntryType::batch: {
            const auto header = parse_batch_header(payload);
            if (!header.ok()) return senseless("a batch: " + header.status().message);
            if (partition == nullptr) {
                ++s.restore_gaps;
                return {};
            }
            if (header->base_offset < partition->end) return senseless("a batch below the end of its partition");
            if (header->base_offset > partition->end) {
                ++s.restore_gaps;
                if (partition->log != nullptr) partition->log->is_damaged = true;
            }
            s.on_append(*topic, *partition, *header);
            if (partition->log == nullptr) partition->high_watermark = partition->end;
            return {};
        }
        case EntryType::topic_created: return restore_created(s.catalogue, payload);
        case EntryType::topic_altered: {
            auto changed = decode_topic(payload);
            if (!changed) return senseless("the description of a topic does not parse");
            if (topic == nullptr || changed->id != topic->description.id || changed->name != topic->description.name ||
                changed->partitions != topic->description.partitions) {
                ++s.restore_gaps;
                return {};
            }
            topic->description = std::move(*changed);
            return {};
        }
        case EntryType::topic_deleted:
            if (topic == nullptr) {
                ++s.restore_gaps;
                return {};
            }
            for (const auto& each : topic->partitions) s.known_producers -= each->producers.size();
            s.catalogue.remove(entry.partition.topic);
            return {};
        case EntryType::log_start:
            if (partition == nullptr || entry.base_offset > partition->end)
                ++s.restore_gaps;
            else if (entry.base_offset > partition->start)
                partition->move_start(entry.base_offset);
            return {};
        case EntryType::checkpoint: return {};  // the state at this point is what we have
        case EntryType::log_made:
        case EntryType::truncated:
        case EntryType::epoch_seen:
        case EntryType::watermark:
            if (partition == nullptr || (partition->log == nullptr && entry.type != EntryType::log_made)) {
                ++s.restore_gaps;
                return {};
            }
            return restore_log_entry(*partition, s.known_producers, entry, payload);
        case EntryType::acceptor_made:
        case EntryType::acceptor_record:
        case EntryType::acceptor_fence:
            s.mesh.has_acceptor = true;
            return s.mesh.registers->restore_entry(entry.type, payload) ? Status{} : senseless("the memory of a voter");
        case EntryType::members: return s.restore_members(payload) ? Status{} : senseless("the list of members");
    }
    return senseless("an entry of an unknown type");
}

void Broker::restore_lost(const PartitionId& id, Offset end) {
    Partition* partition = state_->catalogue.find(id);
    if (partition == nullptr || end <= partition->end) return;
    ++state_->restore_gaps;
    partition->end = partition->high_watermark = end;
    // Committed records may be among them: the log is not the one that is in sync any more (DESIGN 7).
    if (partition->log != nullptr) partition->log->is_damaged = true;
}

}  // namespace sedge::node
