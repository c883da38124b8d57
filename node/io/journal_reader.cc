#include "node/io/journal_reader.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <memory>
#include <new>
#include <vector>

#include "schema/record_batch.h"

namespace sedge::node {
namespace {

constexpr std::size_t kRunsAtOnce = 256;

enum class Outcome : std::uint8_t { good, damaged, failed };

// What was taken from one run: verified batches, as parts of the buffer that the run was read into.
struct RunRead {
    Outcome outcome = Outcome::good;
    std::vector<SharedBytes> batches;
    std::size_t bytes = 0;
    Offset end;  // good up to here
};

// Gathers the batches that lie in a buffer with other bytes between them. Small ones are moved together; one that is large enough to be
// worth a frame of its own stays where it is.
class Gatherer {
  public:
    Gatherer(std::shared_ptr<std::byte[]> buffer, std::vector<SharedBytes>& out) : buffer_(std::move(buffer)), out_(out) {}
    void add(std::size_t at, std::size_t size) {
        if (size >= kStaysBytes || part_size_ == 0) {
            finish();
            part_at_ = at;
        } else if (at != part_at_ + part_size_) {
            std::memmove(buffer_.get() + part_at_ + part_size_, buffer_.get() + at, size);
        }
        part_size_ += size;
    }
    void finish() {
        if (part_size_ != 0) out_.emplace_back(buffer_, ByteView(buffer_.get() + part_at_, part_size_));
        part_size_ = 0;
    }

  private:
    static constexpr std::size_t kStaysBytes = 16u << 10;
    std::shared_ptr<std::byte[]> buffer_;
    std::vector<SharedBytes>& out_;
    std::size_t part_at_ = 0, part_size_ = 0;
};

// Reads a run and keeps its batches from the one that holds `offset`, below `end`, without the entry headers between them.
RunRead read_run(const JournalCatalogue::Location& at, const PartitionId& partition, Offset offset, Offset end, std::size_t max_bytes) {
    RunRead result{Outcome::good, {}, 0, offset};
    // Not a vector: that would fill megabytes with zeros, to be overwritten at once.
    const auto buffer = std::make_shared_for_overwrite<std::byte[]>(static_cast<std::size_t>(at.run.bytes));
    const std::int64_t got = at.segment->file.read_at(at.run.position, {buffer.get(), static_cast<std::size_t>(at.run.bytes)});
    if (got < 0) return {Outcome::failed, {}, 0, offset};
    const ByteView bytes(buffer.get(), static_cast<std::size_t>(got));
    Gatherer kept(buffer, result.batches);
    std::size_t from = 0;
    while (from < bytes.size()) {
        const ByteView rest = bytes.subspan(from);
        const auto entry = read_entry_header(rest);
        if (!entry || entry->type != EntryType::batch || entry->partition != partition || entry->stored_bytes() > rest.size()) {
            result.outcome = Outcome::damaged;
            break;
        }
        const ByteView payload = rest.subspan(kEntryHeaderBytes, static_cast<std::size_t>(entry->payload_bytes));
        const std::size_t payload_at = from + kEntryHeaderBytes;
        from += static_cast<std::size_t>(entry->stored_bytes());
        const auto header = read_batch_header(payload);
        if (header.ok() && header->end_offset() <= offset) continue;
        if (header.ok() && header->base_offset >= end) break;
        if (!payload_is_intact(*entry, payload)) {
            result.outcome = Outcome::damaged;
            break;
        }
        if (result.bytes > 0 && result.bytes + payload.size() > max_bytes) break;
        kept.add(payload_at, payload.size());
        result.bytes += payload.size();
        result.end = header->end_offset();
    }
    kept.finish();
    if (result.outcome == Outcome::good && bytes.size() < at.run.bytes && result.bytes == 0) result.outcome = Outcome::damaged;
    return result;
}

// The first record of whole batches that the request looks for; false if it is not among them.
bool find_in(ByteView batches, const FindTime& request, Offset& found_at) {
    bool found = false;
    while (!batches.empty() && !found) {
        const auto header = read_batch_header(batches);
        if (!header.ok()) break;
        const Status status = for_each_record(batches, [&](Offset offset, const RecordView& record) {
            if (offset < request.start || record.timestamp_ms < request.timestamp_ms) return true;
            found_at = std::min(offset, request.end);
            found = true;
            return false;
        });
        if (!status.ok()) break;
        batches = batches.subspan(header->size_bytes);
    }
    return found;
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
        if (run.bytes != 0 && (taken == 0 || taken + run.bytes <= request.max_bytes)) {
            taken += run.bytes;
            next = run.end;
            std::move(run.batches.begin(), run.batches.end(), std::back_inserter(result.batches));
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
        if (run.bytes != 0 && first > at) {
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
    for (const SharedBytes& part : run.batches)
        if (find_in(part.view(), request, result.offset)) break;
    return result;
} catch (const std::bad_alloc&) {
    return failed();
}

}  // namespace sedge::node
