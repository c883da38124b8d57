// The body of for_each_record, apart so that record_batch.h reads as a contract.
#pragma once

#include "schema/limits.h"
#include "schema/msgpack.h"

namespace sedge {

template <class Visit>
Status for_each_record(ByteView batch, Visit&& visit) {
    const auto header = read_batch_header(batch);
    if (!header.ok()) return header.status();
    Buffer scratch;
    const auto body = batch_body(*header, batch, scratch);
    if (!body.ok()) return body.status();
    MsgpackReader reader(*body);
    RecordView record;
    for (std::uint32_t i = 0; i < header->count; ++i) {
        const std::size_t from = reader.position();
        if (!read_record(reader, header->base_timestamp_ms, record))
            return {ErrorCode::corrupt_batch, "record " + std::to_string(i) + " of the batch is malformed"};
        if (reader.position() - from > limits::kMaxRecordBytes)
            return {ErrorCode::record_too_large, "a record has " + std::to_string(limits::kMaxRecordBytes) + " bytes at most"};
        if (!visit(header->base_offset + i, record)) return {};
    }
    if (!reader.at_end()) return {ErrorCode::corrupt_batch, "bytes follow the last record of the batch"};
    return {};
}

}  // namespace sedge
