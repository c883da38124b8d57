// The bytes of a journal segment. One file holds, written through LMDB, one value per group commit; each value is
//
//   value header, 64 bytes, then `entry_count` entries one after the other
//      0 u32 magic "SGV1"   4 u32 CRC-32C of bytes 8..64   8 u64 segment nonce   16 u64 sequence
//     24 u64 size of the value in bytes, this header included   32 u32 entry_count   36 u32 0   40 u64 segment id
//     48 u64 durable_to   56 zeros
//   entry header, 64 bytes, then the payload, then zeros up to a multiple of 8
//      0 u32 magic "SGE1"   4 u32 CRC-32C of the segment nonce, then bytes 8..64   8 u8 type   9 zeros   12 u32 partition
//     16 16 bytes of topic id   32 u64 base_offset   40 u64 payload size   48 u32 payload CRC   52 u32 records   56 zeros
//
// All integers are little-endian. A batch has checksums of its own, so its payload CRC covers its header only; other payloads are covered
// whole. The nonce is drawn each time that a file becomes a segment: what a recycled file held before has another one, and no client can
// know it and so hide headers in its records.
//
// `durable_to` is the newest sequence that was safely on the disk when the value was written. So a reader after a crash knows which values
// may be torn without anybody having been promised them (those behind every durable_to that it finds); all others must be whole.
//
// A value is always larger than what LMDB keeps inside a tree page, so it lies on consecutive overflow pages: at byte 16 of a page
// (behind LMDB's page header). Whoever reads hops over these headers and needs neither the tree nor LMDB.
#pragma once

#include <cstdint>
#include <optional>

#include "node/core/journal_write.h"
#include "schema/bytes.h"

namespace sedge::node {

static_assert(sizeof(void*) == 8, "LMDB's page header is laid out otherwise on 32-bit machines");
inline constexpr std::size_t kLmdbPageHeaderBytes = 16;
inline constexpr std::size_t kValueHeaderBytes = kJournalValueHeaderBytes;
inline constexpr std::size_t kEntryHeaderBytes = kJournalEntryHeaderBytes;

struct ValueHeader {
    std::uint64_t segment_nonce = 0;
    std::uint64_t segment_id = 0;
    std::uint64_t sequence = 0;
    std::uint64_t size_bytes = 0;
    std::uint32_t entry_count = 0;
    std::uint64_t durable_to = 0;
};

struct EntryHeader {
    EntryType type = EntryType::batch;
    PartitionId partition;
    Offset base_offset;
    std::uint64_t payload_bytes = 0;
    std::uint32_t payload_crc = 0;
    std::uint32_t records = 0;  // of a batch: tells what is missing when the batch itself cannot be read

    // Header, payload and padding.
    std::uint64_t stored_bytes() const { return kEntryHeaderBytes + (payload_bytes + 7) / 8 * 8; }
};

// `out` has room for the header.
void write_value_header(const ValueHeader& header, MutableBytes out);
void write_entry_header(const EntryHeader& header, std::uint64_t segment_nonce, MutableBytes out);
// nullopt: not such a header, or damaged, or (of an entry) of another segment.
std::optional<ValueHeader> read_value_header(ByteView bytes);
std::optional<EntryHeader> read_entry_header(ByteView bytes, std::uint64_t segment_nonce);
// Quickly: may a header of an entry begin here? To look for the next one behind damage.
bool may_be_entry_header(ByteView bytes);
// Headers of entries lie at multiples of it in the file.
inline constexpr std::size_t kEntryAlignment = 8;

// What payload_crc holds for this payload.
std::uint32_t payload_crc(EntryType type, ByteView payload);
// Is the payload whole? For a batch, its own checksums are looked at too.
bool payload_is_intact(const EntryHeader& header, ByteView payload);

// The size of a write's entries in a value, without the value header.
std::uint64_t stored_bytes(const JournalWrite& write);

}  // namespace sedge::node
