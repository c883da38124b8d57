// Restoring the state from the journal: one checkpoint, then the entries behind it, applied as they were applied at first.
#include "node/core/broker_state.h"
#include "node/core/checkpoint.h"

namespace sedge::node {
namespace {

Status senseless(const char* what) { return {ErrorCode::storage_failed, std::string("journal: ") + what}; }

}  // namespace

Status Broker::restore_checkpoint(ByteView checkpoint) {
    if (state_->catalogue.size() != 0) return senseless("a second checkpoint");
    return decode_checkpoint(checkpoint, state_->catalogue);
}

Status Broker::restore_entry(const JournalEntry& entry, ByteView payload) {
    State& s = *state_;
    switch (entry.type) {
        case EntryType::batch: {
            Partition* partition = s.catalogue.find(entry.partition);
            if (partition == nullptr) return {};  // of a topic that was deleted later in the same write
            const auto header = parse_batch_header(payload);
            if (!header.ok()) return header.status();
            if (header->base_offset < partition->end) return senseless("a batch below the end of its partition");
            partition->on_append(*header, s.options.max_producers_per_partition, s.options.producer_expiry_ms);
            partition->high_watermark = partition->end;
            return {};
        }
        case EntryType::topic_created: {
            const auto topic = decode_topic(payload);
            if (!topic || s.catalogue.find(topic->id) != nullptr || s.catalogue.find(topic->name) != nullptr)
                return senseless("a topic that cannot be made");
            s.catalogue.add(*topic);
            return {};
        }
        case EntryType::topic_altered: {
            const auto changed = decode_topic(payload);
            Topic* topic = changed ? s.catalogue.find(changed->id) : nullptr;
            if (topic == nullptr || changed->partitions != topic->description.partitions) return senseless("a change of no known topic");
            topic->description = *changed;
            return {};
        }
        case EntryType::topic_deleted:
            s.catalogue.remove(entry.partition.topic);
            return {};
        case EntryType::log_start:
            if (Partition* partition = s.catalogue.find(entry.partition);
                partition != nullptr && entry.base_offset > partition->start && entry.base_offset <= partition->end)
                partition->move_start(entry.base_offset);
            return {};
        case EntryType::checkpoint: return {};  // the state at this point is what we have
    }
    return senseless("an entry of an unknown type");
}

}  // namespace sedge::node
