#include "node/io/segment_index.h"

#include <algorithm>
#include <cstring>

#include "schema/crc32c.h"
#include "schema/limits.h"
#include "schema/little_endian.h"

namespace sedge::node {
namespace {

constexpr std::uint32_t kMagic = 0x58494753;  // "SGIX"
constexpr std::size_t kHeaderBytes = 32, kSpanBytes = 64, kRunBytes = 48, kRunCrcAt = 40;
constexpr std::uint64_t kMaxSpans = 1u << 20;
static_assert(kMaxSpans >= limits::kMaxPartitionsPerNode);
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

void append_span(Buffer& out, const IndexSpan& span, std::uint64_t first_run) {
    const auto topic = std::as_bytes(std::span(span.partition.topic.bytes));
    out.insert(out.end(), topic.begin(), topic.end());
    append_words(out, span.partition.partition.value, span.first.value, span.end.value, first_run, span.runs, span.max_timestamp_ms);
}

IndexSpan read_span(ByteView bytes) {
    IndexSpan span;
    std::memcpy(span.partition.topic.bytes.data(), bytes.data(), span.partition.topic.bytes.size());
    span.partition.partition = PartitionIndex{load_le<std::uint32_t>(bytes, 16)};
    span.first = Offset{load_le<std::uint64_t>(bytes, 24)};
    span.end = Offset{load_le<std::uint64_t>(bytes, 32)};
    span.first_run = load_le<std::uint64_t>(bytes, 40);
    span.runs = load_le<std::uint64_t>(bytes, 48);
    span.max_timestamp_ms = load_le<std::uint64_t>(bytes, 56);
    return span;
}

void append_run(Buffer& out, const BatchRun& run) {
    const std::size_t at = out.size();
    append_words(out, run.base.value, run.end.value, run.position, run.bytes, run.max_timestamp_ms);
    append_words(out, crc32c(ByteView(out).subspan(at)));
}

std::optional<BatchRun> read_run(ByteView bytes) {
    if (load_le<std::uint64_t>(bytes, kRunCrcAt) != crc32c(bytes.first(kRunCrcAt))) return std::nullopt;
    return BatchRun{Offset{load_le<std::uint64_t>(bytes, 0)}, Offset{load_le<std::uint64_t>(bytes, 8)}, load_le<std::uint64_t>(bytes, 16),
                    load_le<std::uint64_t>(bytes, 24), load_le<std::uint64_t>(bytes, 32)};
}

std::uint32_t block_crc(std::uint64_t nonce, ByteView counts, ByteView directory) {
    return crc32c(directory, crc32c(counts, crc32c(std::as_bytes(std::span(&nonce, 1)))));
}

}  // namespace

// --- SegmentIndexBuilder ---

void SegmentIndexBuilder::add(const PartitionId& partition, const BatchHeader& batch, std::uint64_t entry_at, std::uint64_t stored_bytes) {
    add_lost(partition, batch.base_offset, batch.end_offset());
    Part& part = parts_.at(partition);
    part.span.max_timestamp_ms = std::max(part.span.max_timestamp_ms, batch.max_timestamp_ms);
    auto& runs = part.runs;
    const bool follows = !runs.empty() && runs.back().end == batch.base_offset &&
                         runs.back().position + runs.back().bytes == entry_at && runs.back().bytes + stored_bytes <= kMaxRunBytes;
    if (!follows) {
        // Only damage puts records out of order; then what was stored last counts.
        while (!runs.empty() && runs.back().base >= batch.base_offset) runs.pop_back();
        if (!runs.empty()) runs.back().end = std::min(runs.back().end, batch.base_offset);
        runs.push_back({batch.base_offset, batch.end_offset(), entry_at, stored_bytes, batch.max_timestamp_ms});
        part.span.runs = runs.size();
        return;
    }
    runs.back().end = batch.end_offset();
    runs.back().bytes += stored_bytes;
    runs.back().max_timestamp_ms = std::max(runs.back().max_timestamp_ms, batch.max_timestamp_ms);
}

void SegmentIndexBuilder::add_lost(const PartitionId& partition, Offset base, Offset end) {
    const auto [found, is_new] = parts_.try_emplace(partition, Part{{partition, base, end, 0, 0, 0}, {}});
    IndexSpan& span = found->second.span;
    span.first = std::min(span.first, base);
    span.end = std::max(span.end, end);
}

const IndexSpan* SegmentIndexBuilder::find(const PartitionId& partition) const {
    const auto part = parts_.find(partition);
    return part == parts_.end() ? nullptr : &part->second.span;
}

std::vector<BatchRun> SegmentIndexBuilder::runs_from(const PartitionId& partition, Offset offset, std::size_t count) const {
    const auto part = parts_.find(partition);
    if (part == parts_.end()) return {};
    const auto& runs = part->second.runs;
    const auto from = std::partition_point(runs.begin(), runs.end(), [&](const BatchRun& run) { return run.end <= offset; });
    const auto take = std::min<std::size_t>(count, static_cast<std::size_t>(runs.end() - from));
    return {from, from + static_cast<std::ptrdiff_t>(take)};
}

Buffer SegmentIndexBuilder::encode(std::uint64_t segment_nonce) const {
    Buffer directory, runs;
    std::uint64_t first_run = 0;
    for (const auto& [id, part] : parts_) {
        append_span(directory, part.span, first_run);
        for (const BatchRun& run : part.runs) append_run(runs, run);
        first_run += part.runs.size();
    }
    Buffer counts;
    append_words(counts, parts_.size(), first_run, 0);
    Buffer out(8);
    store_le(MutableBytes(out), 0, kMagic);
    store_le(MutableBytes(out), 4, block_crc(segment_nonce, counts, directory));
    for (const Buffer* part : {&counts, &directory, &runs}) out.insert(out.end(), part->begin(), part->end());
    return out;
}

// --- SegmentIndex ---

std::shared_ptr<const SegmentIndex> SegmentIndex::open(const File& file, std::uint64_t at, std::uint64_t segment_nonce) {
    auto index = std::make_shared<SegmentIndex>();
    return index->parse(file, at, segment_nonce) ? index : nullptr;
}

std::shared_ptr<const SegmentIndex> SegmentIndex::in_memory(Buffer block, std::uint64_t segment_nonce) {
    auto index = std::make_shared<SegmentIndex>();
    index->block_ = std::move(block);
    return index->parse(File(), 0, segment_nonce) ? index : nullptr;
}

bool SegmentIndex::read(const File& file, std::uint64_t at, MutableBytes out, bool& failed) const {
    if (!block_) {
        const std::int64_t got = file.read_at(at, out);
        failed = got < 0;
        return got == static_cast<std::int64_t>(out.size());
    }
    if (at > block_->size() || out.size() > block_->size() - at) return false;
    if (!out.empty()) std::memcpy(out.data(), block_->data() + at, out.size());
    return true;
}

bool SegmentIndex::parse(const File& file, std::uint64_t at, std::uint64_t segment_nonce) {
    bool failed = false;
    Buffer header(kHeaderBytes);
    if (!read(file, at, header, failed) || load_le<std::uint32_t>(header, 0) != kMagic) return false;
    const auto spans = load_le<std::uint64_t>(header, 8);
    const auto runs = load_le<std::uint64_t>(header, 16);
    const std::uint64_t room = block_ ? block_->size() : file.size_bytes();
    if (spans > kMaxSpans || spans > room / kSpanBytes || runs > room / kRunBytes) return false;
    Buffer directory(static_cast<std::size_t>(spans) * kSpanBytes);
    if (!read(file, at + kHeaderBytes, directory, failed)) return false;
    if (block_crc(segment_nonce, ByteView(header).subspan(8), directory) != load_le<std::uint32_t>(header, 4)) return false;
    runs_at_ = at + kHeaderBytes + directory.size();
    spans_.reserve(static_cast<std::size_t>(spans));
    for (std::size_t i = 0; i < spans; ++i) {
        spans_.push_back(read_span(ByteView(directory).subspan(i * kSpanBytes, kSpanBytes)));
        if (spans_.back().runs > runs || spans_.back().first_run > runs - spans_.back().runs) return false;
    }
    return true;
}

const IndexSpan* SegmentIndex::find(const PartitionId& partition) const {
    const auto at = std::lower_bound(spans_.begin(), spans_.end(), partition,
                                     [](const IndexSpan& span, const PartitionId& id) { return span.partition < id; });
    return at != spans_.end() && at->partition == partition ? &*at : nullptr;
}

SegmentIndex::Runs SegmentIndex::read_runs(const File& file, std::uint64_t number, std::size_t count) const {
    Buffer bytes(count * kRunBytes);
    bool failed = false;
    if (!read(file, runs_at_ + number * kRunBytes, bytes, failed)) return {failed ? Outcome::failed : Outcome::damaged, {}};
    Runs out;
    for (std::size_t i = 0; i < count; ++i) {
        const auto run = read_run(ByteView(bytes).subspan(i * kRunBytes, kRunBytes));
        if (!run) return {Outcome::damaged, {}};
        out.runs.push_back(*run);
    }
    return out;
}

SegmentIndex::Runs SegmentIndex::runs_from(const File& file, const PartitionId& partition, Offset offset, std::size_t count) const {
    const IndexSpan* span = find(partition);
    if (span == nullptr) return {};
    std::uint64_t low = 0;
    std::uint64_t high = span->runs;
    while (low < high) {
        const std::uint64_t middle = low + (high - low) / 2;
        const Runs probe = read_runs(file, span->first_run + middle, 1);
        if (probe.outcome != Outcome::good) return probe;
        if (probe.runs.front().end <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return read_runs(file, span->first_run + low, static_cast<std::size_t>(std::min<std::uint64_t>(count, span->runs - low)));
}

}  // namespace sedge::node
