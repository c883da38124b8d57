#include "node/core/coalescer.h"

#include "schema/limits.h"

namespace sedge::node {
namespace {

// The sizes of msgpack values as MsgpackWriter writes them.
std::size_t bin_size(std::size_t bytes) { return bytes + (bytes <= UINT8_MAX ? 2 : bytes <= UINT16_MAX ? 3 : 5); }
std::size_t str_size(std::size_t bytes) { return bytes + (bytes < 32 ? 1 : bytes <= UINT8_MAX ? 2 : bytes <= UINT16_MAX ? 3 : 5); }
std::size_t array_size(std::size_t elements) { return elements < 16 ? 1 : 3; }

}  // namespace

std::size_t Coalescer::size_bytes(const Record& record) {
    constexpr std::size_t kArrayAndDelta = 2;
    std::size_t size = kArrayAndDelta + (record.key ? bin_size(record.key->size()) : 1) + (record.value ? bin_size(record.value->size()) : 1);
    if (record.headers == nullptr || record.headers->empty()) return size;
    size += array_size(record.headers->size());
    for (const RecordHeader& header : *record.headers) size += 1 + str_size(header.name.size()) + bin_size(header.value.size());
    return size;
}

bool Coalescer::is_open(const Partition& partition) const {
    return partition.open_slot != Partition::kNoSlot && !slots_[partition.open_slot].builder.empty();
}

bool Coalescer::has_room(const Partition& partition, std::size_t record_bytes, std::size_t max_batch_bytes) const {
    if (!is_open(partition)) return false;
    const BatchBuilder& builder = slots_[partition.open_slot].builder;
    return builder.size_bytes() + record_bytes + kMaxDeltaBytes - 1 <= max_batch_bytes && builder.count() < limits::kMaxRecordsPerBatch;
}

Buffer Coalescer::finish(std::size_t slot) {
    BatchBuilder& builder = slots_[slot].builder;
    Buffer batch = builder.finish();
    if (batch.size() <= (slot < kLargeSlots ? kKeptLargeBytes : kKeptBytes)) builder.reserve(batch.size());
    return batch;
}

void Coalescer::add(Topic& topic, Partition& partition, const Record& record) {
    if (partition.open_slot == Partition::kNoSlot) {
        if (used_ == slots_.size()) slots_.emplace_back();
        partition.open_slot = static_cast<std::uint32_t>(used_++);
        slots_[partition.open_slot].topic = &topic;
        slots_[partition.open_slot].partition = &partition;
    }
    slots_[partition.open_slot].builder.add(record.timestamp_ms, record.key, record.value,
                                            record.headers != nullptr ? *record.headers : no_headers_);
}

}  // namespace sedge::node
