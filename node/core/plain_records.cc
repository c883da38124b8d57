#include "node/core/plain_records.h"

#include "schema/limits.h"
#include "schema/record_batch.h"

namespace sedge::node {
namespace {

constexpr std::size_t kRecordOverheadBytes = 24;

std::optional<Buffer> copy_of(const std::optional<ByteView>& bytes) {
    if (!bytes) return std::nullopt;
    return Buffer(bytes->begin(), bytes->end());
}

std::size_t size_of(const RecordView& record) {
    std::size_t size = kRecordOverheadBytes + (record.key ? record.key->size() : 0) + (record.value ? record.value->size() : 0);
    for (const RecordHeader& header : record.headers) size += header.name.size() + header.value.size();
    return size;
}

PlainRecord plain_record(Offset offset, const RecordView& record) {
    PlainRecord plain{offset, record.timestamp_ms, copy_of(record.key), copy_of(record.value), {}};
    for (const RecordHeader& header : record.headers)
        plain.headers.emplace_back(header.name, Buffer(header.value.begin(), header.value.end()));
    return plain;
}

}  // namespace

Status read_plain_records(std::span<const SharedBytes> batches, Offset from, std::size_t max_bytes, std::vector<PlainRecord>& out) {
    std::size_t taken_bytes = 0;
    bool is_full = false;
    const auto take = [&](Offset offset, const RecordView& record) {
        if (offset < from) return true;
        const std::size_t size = size_of(record);
        is_full = !out.empty() && (taken_bytes + size > max_bytes || out.size() >= limits::kMaxPlainRecords);
        if (is_full) return false;
        taken_bytes += size;
        out.push_back(plain_record(offset, record));
        return true;
    };
    for (const SharedBytes& each : batches) {
        for (ByteView rest = each.view(); !rest.empty() && !is_full;) {
            const auto header = read_batch_header(rest);
            if (!header.ok()) return header.status();
            if (header->end_offset() > from)
                if (Status status = for_each_record(rest.first(header->size_bytes), take); !status.ok()) return status;
            rest = rest.subspan(header->size_bytes);
        }
        if (is_full) break;
    }
    return {};
}

}  // namespace sedge::node
