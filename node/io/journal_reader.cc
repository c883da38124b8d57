#include "node/io/journal_reader.h"

#include <algorithm>
#include <new>
#include <string>

#include "node/io/batch_run_reader.h"
#include "schema/record_batch.h"

namespace sedge::node {
namespace {

constexpr std::size_t kRunsAtOnce = 256;

// A batch says itself what its newest record's time is, and a client may lie. After so many runs that said to have such a record and did
// not, the search answers with where it is: no record is missed, some older ones are seen.
constexpr int kMaxRunsSearched = 64;

ReadResult failed() { return {ReadResult::Outcome::failed, {}, {}, {}}; }

// The first record of the batch at or after the time, from `start` on.
std::optional<Offset> find_in_batch(ByteView batch, Offset start, std::uint64_t timestamp_ms) {
    std::optional<Offset> found;
    (void)for_each_record(batch, [&](Offset offset, const RecordView& record) {
        if (offset < start || record.timestamp_ms < timestamp_ms) return true;
        found = offset;
        return false;
    });
    return found;
}

}  // namespace

ReadResult JournalReader::read(const ReadRecords& request) try {
    const auto locations = catalogue_.locate(request.partition, request.offset, request.end, kRunsAtOnce);
    if (locations.failed) return failed();
    ReadResult result;
    Offset next = request.offset;
    std::size_t taken = 0;
    bool enough = false;
    for (const JournalCatalogue::Location& at : locations.found) {
        if (at.run.base > next || enough) break;  // records are missing in between
        BatchRunReader reader;
        if (!reader.load(at, request.partition)) {
            if (taken == 0) return failed();
            break;
        }
        while (const auto batch = reader.next()) {
            if (batch->end <= next) continue;
            enough = batch->base > next || batch->base >= request.end ||
                     (taken + reader.kept_bytes() > 0 && taken + reader.kept_bytes() + batch->bytes.size() > request.max_bytes);
            if (enough) break;
            reader.keep(*batch);
            next = batch->end;
        }
        if (reader.kept_bytes() == 0) break;
        taken += reader.kept_bytes();
        reader.take(result.batches);
        if (taken >= request.max_bytes || next < at.run.end) break;
    }
    return taken > 0 ? result : damaged_from(request, next);
} catch (const std::bad_alloc&) {
    return failed();
}

// Nothing at `at` can be served: the next offset that can is in the next batch that verifies.
ReadResult JournalReader::damaged_from(const ReadRecords& request, Offset at) {
    ReadResult result{ReadResult::Outcome::damaged, {}, request.end, {}};
    bool found = false;
    for (Offset from = at; !found && from < request.end;) {
        const auto locations = catalogue_.locate(request.partition, from, request.end, 1);
        if (locations.failed) return failed();
        if (locations.found.empty()) break;
        BatchRunReader reader;
        if (!reader.load(locations.found.front(), request.partition)) return failed();
        while (const auto batch = reader.next()) {
            if (batch->end <= at || batch->base >= request.end) continue;
            result.next_offset = std::max(batch->base, at + 1);
            found = true;
            break;
        }
        from = std::max(locations.found.front().run.end, from + 1);
    }
    health_.report("quarantine", partition_subject(request.partition),
                   "records from offset " + std::to_string(at.value) + " to " + std::to_string(result.next_offset.value) +
                       " are damaged on the disk; they are kept aside and not served. Restore them from a backup or go on behind them");
    return result;
}

ReadResult JournalReader::find(const FindTime& request) try {
    ReadResult result;
    Offset from = request.start;
    for (int searched = 0; from < request.end; ++searched) {
        const auto locations = catalogue_.locate_time(request.partition, from, request.end, request.timestamp_ms);
        if (locations.failed) return failed();
        if (locations.found.empty()) break;
        const JournalCatalogue::Location& at = locations.found.front();
        from = std::max(from, at.run.base);
        result.offset = from;
        if (searched == kMaxRunsSearched) return result;
        BatchRunReader reader;
        if (!reader.load(at, request.partition)) return failed();
        while (const auto batch = reader.next()) {
            if (batch->end <= from) continue;
            if (batch->base > from) return result;  // damage: a consumer should look there, and be told so
            if (const auto found = find_in_batch(batch->bytes, from, request.timestamp_ms)) {
                result.offset = std::min(*found, request.end);
                return result;
            }
            from = batch->end;
        }
        if (from < at.run.end) {
            result.offset = from;
            return result;
        }
    }
    result.offset = request.end;
    return result;
} catch (const std::bad_alloc&) {
    return failed();
}

}  // namespace sedge::node
