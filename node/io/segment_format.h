// The bytes of a journal segment. One file holds, written through LMDB, one value per group commit; each value is
//
//   value header, 64 bytes, then `entry_count` entries one after the other
//      0 u32 magic "SGV1"   4 u32 CRC-32C of bytes 8..64   8 u64 segment nonce   16 u64 sequence
//     24 u64 size of the value in bytes, this header included   32 u32 entry_count   36 u32 0   40 u64 segment id   48 zeros
//   entry header, 64 bytes, then the payload, then zeros up to a multiple of 8
//      0 u32 magic "SGE1"   4 u32 CRC-32C of bytes 8..64   8 u8 type   9 zeros   12 u32 partition   16 16 bytes of topic id
//     32 u64 base_offset   40 u64 payload size   48 u32 payload CRC   52 zeros
//
// All integers are little-endian. A batch has checksums of its own, so its payload CRC covers its header only; other payloads are covered
// whole. The nonce is drawn each time that a file becomes a segment: what a recycled file held before has another one.
//
// A value is always larger than what LMDB keeps inside a tree page, so it lies on consecutive overflow pages: at byte 16 of a page
// (behind LMDB's page header). Whoever reads hops over these headers and needs neither the tree nor LMDB.
#pragma once

#include <cstdint>
#include <optional>

#include "node/core/journal_write.h"
#include "schema/bytes.h"

namespace sedge::node {

inline constexpr std::size_t kLmdbPageHeaderBytes = 16;
inline constexpr std::size_t kValueHeaderBytes = kJournalValueHeaderBytes;
inline constexpr std::size_t kEntryHeaderBytes = kJournalEntryHeaderBytes;

struct ValueHeader {
    std::uint64_t segment_nonce = 0;
    std::uint64_t segment_id = 0;
    std::uint64_t sequence = 0;
    std::uint64_t size_bytes = 0;
    std::uint32_t entry_count = 0;
};

struct EntryHeader {
    EntryType type = EntryType::batch;
    PartitionId partition;
    Offset base_offset;
    std::uint64_t payload_bytes = 0;
    std::uint32_t payload_crc = 0;

    // Header, payload and padding.
    std::uint64_t stored_bytes() const { return kEntryHeaderBytes + (payload_bytes + 7) / 8 * 8; }
};

// `out` has room for the header.
void write_value_header(const ValueHeader& header, MutableBytes out);
void write_entry_header(const EntryHeader& header, MutableBytes out);
// nullopt: not such a header, or damaged.
std::optional<ValueHeader> read_value_header(ByteView bytes);
std::optional<EntryHeader> read_entry_header(ByteView bytes);

// What payload_crc holds for this payload.
std::uint32_t payload_crc(EntryType type, ByteView payload);
// Is the payload whole? For a batch, its own checksums are looked at too.
bool payload_is_intact(const EntryHeader& header, ByteView payload);

// The size of a write's entries in a value, without the value header.
std::uint64_t stored_bytes(const JournalWrite& write);

}  // namespace sedge::node
