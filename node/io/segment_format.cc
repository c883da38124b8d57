#include "node/io/segment_format.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "schema/crc32c.h"
#include "schema/little_endian.h"
#include "schema/record_batch.h"

namespace sedge::node {
namespace {

constexpr std::uint32_t kValueMagic = 0x31564753;  // "SGV1"
constexpr std::uint32_t kEntryMagic = 0x31454753;  // "SGE1"
constexpr std::size_t kMagicAt = 0, kCrcAt = 4, kCoveredFrom = 8;

void seal_header(MutableBytes out, std::uint32_t magic, std::uint32_t crc_before = 0) {
    store_le<std::uint32_t>(out, kMagicAt, magic);
    store_le<std::uint32_t>(out, kCrcAt, crc32c(out.subspan(kCoveredFrom), crc_before));
}

bool header_is_intact(ByteView header, std::uint32_t magic, std::uint32_t crc_before = 0) {
    return load_le<std::uint32_t>(header, kMagicAt) == magic &&
           load_le<std::uint32_t>(header, kCrcAt) == crc32c(header.subspan(kCoveredFrom), crc_before);
}

std::uint32_t crc_of(std::uint64_t nonce) { return crc32c(std::as_bytes(std::span(&nonce, 1))); }

}  // namespace

void write_value_header(const ValueHeader& header, MutableBytes out) {
    const MutableBytes bytes = out.first(kValueHeaderBytes);
    std::fill(bytes.begin(), bytes.end(), std::byte{0});
    store_le(bytes, 8, header.segment_nonce);
    store_le(bytes, 16, header.sequence);
    store_le(bytes, 24, header.size_bytes);
    store_le(bytes, 32, header.entry_count);
    store_le(bytes, 40, header.segment_id);
    store_le(bytes, 48, header.durable_to);
    seal_header(bytes, kValueMagic);
}

std::optional<ValueHeader> read_value_header(ByteView bytes) {
    if (bytes.size() < kValueHeaderBytes || !header_is_intact(bytes.first(kValueHeaderBytes), kValueMagic)) return std::nullopt;
    ValueHeader header;
    header.segment_nonce = load_le<std::uint64_t>(bytes, 8);
    header.sequence = load_le<std::uint64_t>(bytes, 16);
    header.size_bytes = load_le<std::uint64_t>(bytes, 24);
    header.entry_count = load_le<std::uint32_t>(bytes, 32);
    header.segment_id = load_le<std::uint64_t>(bytes, 40);
    header.durable_to = load_le<std::uint64_t>(bytes, 48);
    return header;
}

void write_entry_header(const EntryHeader& header, std::uint64_t segment_nonce, MutableBytes out) {
    const MutableBytes bytes = out.first(kEntryHeaderBytes);
    std::fill(bytes.begin(), bytes.end(), std::byte{0});
    store_le(bytes, 8, static_cast<std::uint8_t>(header.type));
    store_le(bytes, 12, header.partition.partition.value);
    std::memcpy(bytes.data() + 16, header.partition.topic.bytes.data(), header.partition.topic.bytes.size());
    store_le(bytes, 32, header.base_offset.value);
    store_le(bytes, 40, header.payload_bytes);
    store_le(bytes, 48, header.payload_crc);
    store_le(bytes, 52, header.records);
    seal_header(bytes, kEntryMagic, crc_of(segment_nonce));
}

bool may_be_entry_header(ByteView bytes) {
    return bytes.size() >= kEntryHeaderBytes && load_le<std::uint32_t>(bytes, kMagicAt) == kEntryMagic;
}

std::optional<EntryHeader> read_entry_header(ByteView bytes, std::uint64_t segment_nonce) {
    if (!may_be_entry_header(bytes) || !header_is_intact(bytes.first(kEntryHeaderBytes), kEntryMagic, crc_of(segment_nonce)))
        return std::nullopt;
    EntryHeader header;
    header.type = static_cast<EntryType>(load_le<std::uint8_t>(bytes, 8));
    header.partition.partition = PartitionIndex{load_le<std::uint32_t>(bytes, 12)};
    std::memcpy(header.partition.topic.bytes.data(), bytes.data() + 16, header.partition.topic.bytes.size());
    header.base_offset = Offset{load_le<std::uint64_t>(bytes, 32)};
    header.payload_bytes = load_le<std::uint64_t>(bytes, 40);
    header.payload_crc = load_le<std::uint32_t>(bytes, 48);
    header.records = load_le<std::uint32_t>(bytes, 52);
    return header;
}

std::uint32_t payload_crc(EntryType type, ByteView payload) {
    if (type == EntryType::batch) payload = payload.first(std::min(payload.size(), kBatchHeaderBytes));
    return crc32c(payload);
}

bool payload_is_intact(const EntryHeader& header, ByteView payload) {
    if (payload_crc(header.type, payload) != header.payload_crc) return false;
    if (header.type != EntryType::batch) return true;
    const auto batch = check_appended_batch(payload);
    return batch.ok() && batch->size_bytes == payload.size() && batch->base_offset == header.base_offset;
}

std::uint64_t stored_bytes(const JournalWrite& write) {
    std::uint64_t bytes = 0;
    for (const JournalEntry& entry : write.entries)
        bytes += journal_entry_bytes(entry.payload.size());
    return bytes;
}

}  // namespace sedge::node
