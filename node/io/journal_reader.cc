#include "node/io/journal_reader.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "schema/record_batch.h"

namespace sedge::node {
namespace {

constexpr std::size_t kRunsAtOnce = 256;

enum class Outcome : std::uint8_t { good, damaged, failed };

// What was taken from one run: verified batches, moved together to the front of the buffer that the run was read into.
struct RunRead {
    Outcome outcome = Outcome::good;
    SharedBytes batches;
    Offset end;  // good up to here
};

// Reads a run and keeps its batches from the one that holds `offset`, below `end`. The entry headers between them are squeezed out.
RunRead read_run(const JournalCatalogue::Location& at, const PartitionId& partition, Offset offset, Offset end, std::size_t max_bytes) {
    RunRead result{Outcome::good, {}, offset};
    Buffer bytes(static_cast<std::size_t>(at.run.bytes));
    const std::int64_t got = at.segment->file.read_at(at.run.position, bytes);
    if (got < 0) return {Outcome::failed, {}, offset};
    bytes.resize(static_cast<std::size_t>(got));
    std::size_t kept = 0;
    std::size_t from = 0;
    while (from < bytes.size()) {
        const ByteView rest = ByteView(bytes).subspan(from);
        const auto entry = read_entry_header(rest);
        if (!entry || entry->type != EntryType::batch || entry->partition != partition || entry->stored_bytes() > rest.size()) {
            result.outcome = Outcome::damaged;
            break;
        }
        const ByteView payload = rest.subspan(kEntryHeaderBytes, static_cast<std::size_t>(entry->payload_bytes));
        from += static_cast<std::size_t>(entry->stored_bytes());
        const auto header = read_batch_header(payload);
        if (header.ok() && header->end_offset() <= offset) continue;
        if (header.ok() && header->base_offset >= end) break;
        if (!payload_is_intact(*entry, payload)) {
            result.outcome = Outcome::damaged;
            break;
        }
        if (kept > 0 && kept + payload.size() > max_bytes) break;
        std::memmove(bytes.data() + kept, payload.data(), payload.size());
        kept += payload.size();
        result.end = header->end_offset();
    }
    if (result.outcome == Outcome::good && static_cast<std::uint64_t>(got) < at.run.bytes && kept == 0) result.outcome = Outcome::damaged;
    bytes.resize(kept);
    result.batches = SharedBytes::take(std::move(bytes));
    return result;
}

std::string subject_of(const PartitionId& partition) {
    return to_string(partition.topic) + "/" + std::to_string(partition.partition.value);
}

ReadResult failed() { return {ReadResult::Outcome::failed, {}, {}, {}}; }

}  // namespace

ReadResult JournalReader::read(const ReadRecords& request) try {
    const auto runs = catalogue_.locate(request.partition, request.offset, request.end, kRunsAtOnce);
    if (!runs) return failed();
    ReadResult result;
    Offset next = request.offset;
    std::size_t taken = 0;
    for (const JournalCatalogue::Location& at : *runs) {
        if (at.run.base > next) break;  // records are missing in between
        if (taken > 0 && taken >= request.max_bytes) break;
        RunRead run = read_run(at, request.partition, next, request.end, request.max_bytes - std::min(taken, request.max_bytes));
        if (run.outcome == Outcome::failed && taken == 0) return failed();
        if (!run.batches.empty() && (taken == 0 || taken + run.batches.size() <= request.max_bytes)) {
            taken += run.batches.size();
            next = run.end;
            result.batches.push_back(std::move(run.batches));
        } else {
            break;
        }
        if (run.outcome != Outcome::good || next < at.run.end) break;
    }
    return taken > 0 ? result : damaged_from(request, next);
} catch (const std::bad_alloc&) {
    return failed();
}

// Nothing at `at` can be served: the next offset that can is at the next batch that verifies.
ReadResult JournalReader::damaged_from(const ReadRecords& request, Offset at) {
    ReadResult result{ReadResult::Outcome::damaged, {}, request.end, {}};
    for (Offset from = at;;) {
        const auto runs = catalogue_.locate(request.partition, from, request.end, 1);
        if (!runs) return failed();
        if (runs->empty()) break;
        const JournalCatalogue::Location& next = runs->front();
        const Offset first = std::max(from, next.run.base);
        const RunRead run = read_run(next, request.partition, first, request.end, 1);
        if (run.outcome == Outcome::failed) return failed();
        if (!run.batches.empty() && first > at) {
            result.next_offset = first;
            break;
        }
        from = std::max(next.run.end, from + 1);
    }
    catalogue_.report("quarantine", subject_of(request.partition),
                      "records from offset " + std::to_string(at.value) + " to " + std::to_string(result.next_offset.value) +
                          " are damaged on the disk; they are kept aside and not served. Restore them from a backup or go on behind them");
    return result;
}

ReadResult JournalReader::find(const FindTime& request) try {
    const auto runs = catalogue_.locate_time(request.partition, request.start, request.timestamp_ms);
    if (!runs) return failed();
    ReadResult result;
    result.offset = request.end;
    if (runs->empty()) return result;
    const JournalCatalogue::Location& at = runs->front();
    const Offset from = std::max(request.start, at.run.base);
    const RunRead run = read_run(at, request.partition, from, request.end, SIZE_MAX);
    if (run.outcome == Outcome::failed) return failed();
    // A run that turns out to be damaged is where a consumer should look, and be told so.
    if (run.outcome == Outcome::damaged) result.offset = from;
    bool found = false;
    for (ByteView rest = run.batches.view(); !rest.empty() && !found;) {
        const auto header = read_batch_header(rest);
        if (!header.ok()) break;
        const Status status = for_each_record(rest, [&](Offset offset, const RecordView& record) {
            if (offset < request.start || record.timestamp_ms < request.timestamp_ms) return true;
            result.offset = std::min(offset, request.end);
            found = true;
            return false;
        });
        if (!status.ok()) break;
        rest = rest.subspan(header->size_bytes);
    }
    return result;
} catch (const std::bad_alloc&) {
    return failed();
}

}  // namespace sedge::node
