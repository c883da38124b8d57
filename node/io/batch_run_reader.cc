#include "node/io/batch_run_reader.h"

#include <algorithm>
#include <cstring>

#include "schema/record_batch.h"

namespace sedge::node {
namespace {

constexpr std::size_t kStaysBytes = 16u << 10;

}  // namespace

bool BatchRunReader::load(const JournalCatalogue::Location& at, const PartitionId& partition) {
    partition_ = partition;
    nonce_ = at.segment->nonce;
    end_ = at.run.end;
    at_ = kept_ = 0;
    parts_.clear();
    // What the index says is checksummed; but the file may have become shorter.
    const std::uint64_t size = at.file->size_bytes();
    const std::uint64_t there = at.run.position < size ? std::min(at.run.bytes, size - at.run.position) : 0;
    // Not a vector: that would fill megabytes with zeros, to be overwritten at once.
    buffer_ = std::make_shared_for_overwrite<std::byte[]>(static_cast<std::size_t>(there));
    const std::int64_t got = at.file->read_at(at.run.position, {buffer_.get(), static_cast<std::size_t>(there)});
    size_ = got < 0 ? 0 : static_cast<std::size_t>(got);
    return got >= 0;
}

std::optional<BatchRunReader::Batch> BatchRunReader::next() {
    while (at_ < size_) {
        const ByteView rest = bytes().subspan(at_);
        const auto entry = read_entry_header(rest, nonce_);
        if (!entry || entry->payload_bytes > rest.size() - kEntryHeaderBytes) {
            at_ += kEntryAlignment;
            continue;
        }
        at_ += static_cast<std::size_t>(entry->stored_bytes());
        if (entry->type != EntryType::batch || entry->partition != partition_ || entry->base_offset >= end_) continue;
        const ByteView batch = rest.subspan(kEntryHeaderBytes, static_cast<std::size_t>(entry->payload_bytes));
        if (!payload_is_intact(*entry, batch)) continue;
        const auto header = parse_batch_header(batch);
        if (header.ok()) return Batch{batch, header->base_offset, header->end_offset()};
    }
    return std::nullopt;
}

void BatchRunReader::keep(const Batch& batch) {
    const auto at = static_cast<std::size_t>(batch.bytes.data() - buffer_.get());
    const std::size_t size = batch.bytes.size();
    kept_ += size;
    if (parts_.empty() || size >= kStaysBytes) {
        parts_.push_back({at, size});
        return;
    }
    Part& last = parts_.back();
    if (at != last.at + last.size) std::memmove(buffer_.get() + last.at + last.size, batch.bytes.data(), size);
    last.size += size;
}

void BatchRunReader::take(std::vector<SharedBytes>& out) {
    // A small answer must not hold the memory of a large run: what the core counts is what it keeps.
    const bool copy = kept_ < size_ / 2;
    for (const Part& part : parts_) {
        const ByteView kept = bytes().subspan(part.at, part.size);
        out.push_back(copy ? SharedBytes::copy_of(kept) : SharedBytes(buffer_, kept));
    }
    parts_.clear();
    kept_ = 0;
    buffer_.reset();
    size_ = at_ = 0;
}

}  // namespace sedge::node
