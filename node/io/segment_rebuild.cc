#include "node/io/segment_rebuild.h"

#include "schema/record_batch.h"

namespace sedge::node {

RebuiltIndex rebuild_index(const File& file, const std::vector<ScannedValue>& values) {
    RebuiltIndex rebuilt;
    if (values.empty()) return rebuilt;
    EntryWalker walker(file, values.front().header.segment_nonce);
    for (const ScannedValue& value : values) {
        const bool whole = walker.walk(value, [&](const EntryHeader& entry, std::uint64_t at) {
            if (entry.type != EntryType::batch) return true;
            const ByteView bytes = walker.peek(at, kBatchHeaderBytes);
            const auto batch = parse_batch_header(bytes);
            if (batch.ok() && payload_crc(entry.type, bytes) == entry.payload_crc && batch->base_offset == entry.base_offset) {
                rebuilt.index.add(entry.partition, *batch, at - kEntryHeaderBytes, entry.stored_bytes());
            } else {
                const Offset end = entry.base_offset + entry.records;
                rebuilt.index.add_lost(entry.partition, entry.base_offset, end);
                rebuilt.lost.push_back({entry.partition, entry.base_offset, end});
            }
            return true;
        });
        rebuilt.is_whole = rebuilt.is_whole && whole;
    }
    return rebuilt;
}

}  // namespace sedge::node
