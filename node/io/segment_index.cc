#include "node/io/segment_index.h"

#include <algorithm>
#include <cstring>

#include "schema/crc32c.h"
#include "schema/little_endian.h"

namespace sedge::node {
namespace {

constexpr std::uint32_t kMagic = 0x58494753;  // "SGIX"
constexpr std::size_t kHeaderBytes = 32, kSpanBytes = 64, kRunBytes = 40;
constexpr std::uint64_t kMaxSpans = 1u << 20;
// A lookup reads on from a run's beginning, so a run must not be long.
constexpr std::uint64_t kMaxRunBytes = 256u << 10;

template <class... Words>
void append_words(Buffer& out, Words... words) {
    for (const std::uint64_t word : {static_cast<std::uint64_t>(words)...}) {
        const std::size_t at = out.size();
        out.resize(at + sizeof word);
        store_le(MutableBytes(out), at, word);
    }
}

void append_partition(Buffer& out, const PartitionId& id) {
    const auto topic = std::as_bytes(std::span(id.topic.bytes));
    out.insert(out.end(), topic.begin(), topic.end());
    append_words(out, id.partition.value);
}

BatchRun read_run(ByteView bytes) {
    return {Offset{load_le<std::uint64_t>(bytes, 0)}, Offset{load_le<std::uint64_t>(bytes, 8)}, load_le<std::uint64_t>(bytes, 16),
            load_le<std::uint64_t>(bytes, 24), load_le<std::uint64_t>(bytes, 32)};
}

}  // namespace

void SegmentIndex::add(const PartitionId& partition, const BatchHeader& batch, std::uint64_t entry_at, std::uint64_t stored_bytes) {
    const auto [found, is_new] = spans_.try_emplace(partition, Span{batch.base_offset, batch.end_offset(), 0, 0, 0});
    Span& span = found->second;
    span.end = std::max(span.end, batch.end_offset());
    span.max_timestamp_ms = std::max(span.max_timestamp_ms, batch.max_timestamp_ms);
    auto& runs = in_memory_[partition];
    const bool follows = !runs.empty() && runs.back().end == batch.base_offset &&
                         runs.back().position + runs.back().bytes == entry_at && runs.back().bytes + stored_bytes <= kMaxRunBytes;
    if (!follows) {
        runs.push_back({batch.base_offset, batch.end_offset(), entry_at, stored_bytes, batch.max_timestamp_ms});
        ++span.runs;
        return;
    }
    runs.back().end = batch.end_offset();
    runs.back().bytes += stored_bytes;
    runs.back().max_timestamp_ms = std::max(runs.back().max_timestamp_ms, batch.max_timestamp_ms);
}

Buffer SegmentIndex::encode() const {
    Buffer directory;
    Buffer runs;
    std::uint64_t first_run = 0;
    for (const auto& [id, span] : spans_) {
        append_partition(directory, id);
        append_words(directory, span.first.value, span.end.value, first_run, span.runs, span.max_timestamp_ms);
        for (const BatchRun& run : in_memory_.at(id))
            append_words(runs, run.base.value, run.end.value, run.position, run.bytes, run.max_timestamp_ms);
        first_run += span.runs;
    }
    Buffer out(8);
    store_le(MutableBytes(out), 0, kMagic);
    store_le(MutableBytes(out), 4, crc32c(directory));
    append_words(out, spans_.size(), first_run, 0);
    out.insert(out.end(), directory.begin(), directory.end());
    out.insert(out.end(), runs.begin(), runs.end());
    return out;
}

std::optional<SegmentIndex> SegmentIndex::open(const File& file, std::uint64_t at) {
    Buffer header(kHeaderBytes);
    if (file.read_at(at, header) != static_cast<std::int64_t>(header.size())) return std::nullopt;
    if (load_le<std::uint32_t>(header, 0) != kMagic) return std::nullopt;
    const auto spans = load_le<std::uint64_t>(header, 8);
    const auto runs = load_le<std::uint64_t>(header, 16);
    if (spans > kMaxSpans || runs > file.size_bytes() / kRunBytes) return std::nullopt;
    Buffer directory(static_cast<std::size_t>(spans) * kSpanBytes);
    if (file.read_at(at + kHeaderBytes, directory) != static_cast<std::int64_t>(directory.size())) return std::nullopt;
    if (crc32c(directory) != load_le<std::uint32_t>(header, 4)) return std::nullopt;
    SegmentIndex index;
    index.runs_at_ = at + kHeaderBytes + directory.size();
    for (std::size_t i = 0; i < spans; ++i) {
        const ByteView bytes = ByteView(directory).subspan(i * kSpanBytes, kSpanBytes);
        PartitionId id;
        std::memcpy(id.topic.bytes.data(), bytes.data(), id.topic.bytes.size());
        id.partition = PartitionIndex{static_cast<std::uint32_t>(load_le<std::uint64_t>(bytes, 16))};
        Span span{Offset{load_le<std::uint64_t>(bytes, 24)}, Offset{load_le<std::uint64_t>(bytes, 32)},
                  load_le<std::uint64_t>(bytes, 56), load_le<std::uint64_t>(bytes, 40), load_le<std::uint64_t>(bytes, 48)};
        if (span.runs > runs || span.first_run > runs - span.runs) return std::nullopt;
        index.spans_.emplace(id, span);
    }
    return index;
}

std::optional<BatchRun> SegmentIndex::run_at(const File& file, std::uint64_t number) const {
    Buffer bytes(kRunBytes);
    if (file.read_at(runs_at_ + number * kRunBytes, bytes) != static_cast<std::int64_t>(bytes.size())) return std::nullopt;
    return read_run(bytes);
}

std::optional<std::vector<BatchRun>> SegmentIndex::runs_from(const File& file, const PartitionId& partition, Offset offset,
                                                             std::size_t count) const {
    const auto span = spans_.find(partition);
    if (span == spans_.end()) return std::vector<BatchRun>{};
    if (runs_at_ == 0) {
        const auto& runs = in_memory_.at(partition);
        const auto from = std::partition_point(runs.begin(), runs.end(), [&](const BatchRun& run) { return run.end <= offset; });
        const auto take = std::min<std::size_t>(count, static_cast<std::size_t>(runs.end() - from));
        return std::vector<BatchRun>(from, from + static_cast<std::ptrdiff_t>(take));
    }
    std::uint64_t low = 0;
    std::uint64_t high = span->second.runs;
    while (low < high) {
        const std::uint64_t middle = low + (high - low) / 2;
        const auto run = run_at(file, span->second.first_run + middle);
        if (!run) return std::nullopt;
        run->end <= offset ? low = middle + 1 : high = middle;
    }
    const std::size_t take = static_cast<std::size_t>(std::min<std::uint64_t>(count, span->second.runs - low));
    Buffer bytes(take * kRunBytes);
    if (file.read_at(runs_at_ + (span->second.first_run + low) * kRunBytes, bytes) != static_cast<std::int64_t>(bytes.size()))
        return std::nullopt;
    std::vector<BatchRun> runs;
    for (std::size_t i = 0; i < take; ++i) runs.push_back(read_run(ByteView(bytes).subspan(i * kRunBytes, kRunBytes)));
    return runs;
}

}  // namespace sedge::node
