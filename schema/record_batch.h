// The record batch: the unit of append, wire, storage and fetch.
//
// A fixed little-endian header of 72 bytes, then the body: `count` msgpack records one after the other, compressed as a whole if codec
// is not none. The client fills everything but the fields marked L, which the leader patches in place:
//
//    0  u32  size              of the whole batch, header included
//    4  u32  crc               CRC-32C of bytes 32..size
//    8  u64  base_offset     L of the first record
//   16  u64  append_time_ms  L when the leader appended it, Unix time
//   24  u32  epoch           L leader's epoch
//   28  u32  leader_crc      L CRC-32C of bytes 8..28
//   32  u8   version           1
//   33  u8   codec             0 none, 1 zstd, 2 lz4 (frame format)
//   34  u16  flags             0; receivers refuse bits that they do not know
//   36  u32  count             of records, 1 or more
//   40  u64  producer_id       0: not idempotent
//   48  u32  producer_epoch
//   52  u32  base_sequence     of the first record; the sequence counts records and wraps to 0 after 2^31-1
//   56  u64  base_timestamp_ms
//   64  u64  max_timestamp_ms
//   72       body
//
// A record is a msgpack array [timestamp_delta_ms, key, value] or [timestamp_delta_ms, key, value, headers]; key and value are
// bin or nil; headers is an array of [name (str, UTF-8), value (bin)]. The delta counts from base_timestamp_ms and may be negative.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "schema/bytes.h"
#include "schema/ids.h"
#include "schema/status.h"

namespace sedge {

enum class Codec : std::uint8_t { none = 0, zstd = 1, lz4 = 2 };

inline constexpr std::size_t kBatchHeaderBytes = 72;
inline constexpr std::uint32_t kSequenceModulus = 1u << 31;

struct BatchHeader {
    std::uint32_t size_bytes = 0;
    std::uint32_t crc = 0;
    Offset base_offset;
    std::uint64_t append_time_ms = 0;
    Epoch epoch;
    Codec codec = Codec::none;
    std::uint32_t count = 0;
    ProducerId producer_id;
    std::uint32_t producer_epoch = 0;
    std::uint32_t base_sequence = 0;
    std::uint64_t base_timestamp_ms = 0;
    std::uint64_t max_timestamp_ms = 0;

    Offset end_offset() const { return base_offset + count; }
};

struct RecordHeader {
    std::string_view name;
    ByteView value;
};

// One record, as views into a buffer that somebody else keeps. An absent key or value is nil, which is not the empty one.
struct RecordView {
    std::uint64_t timestamp_ms = 0;
    std::optional<ByteView> key;
    std::optional<ByteView> value;
    std::vector<RecordHeader> headers;
};

// Reads a header from the front of `bytes`, of which no more than the header need be there. Checks known values against the limits.
Result<BatchHeader> parse_batch_header(ByteView bytes);

// Reads a header from the front of `bytes`. Checks sizes and known values against the limits, and that the whole batch lies
// in `bytes`; no checksum. corrupt_batch otherwise.
Result<BatchHeader> read_batch_header(ByteView bytes);

// As read_batch_header, and the client's checksum `crc` too. `bytes` may be longer than the batch.
// This is what a leader calls on what a client sent.
Result<BatchHeader> check_batch(ByteView bytes);

// As check_batch, and leader_crc too: for batches read from a disk or received from a leader.
Result<BatchHeader> check_appended_batch(ByteView bytes);

// Patches what the leader decides (base_offset, append_time_ms, epoch, leader_crc) into a batch of at least a header.
void stamp_batch(MutableBytes batch, Offset base_offset, std::uint64_t append_time_ms, Epoch epoch);

// Calls visit(offset, RecordView&) for each record in order; the views live until the call returns. Decompresses if needed.
// `visit` returns false to stop early. corrupt_batch when the body is not exactly `count` records; record_too_large for a record
// above limits::kMaxRecordBytes or a body above limits::kMaxDecompressedBytes.
// The batch's checksums are the caller's to check.
template <class Visit>
Status for_each_record(ByteView batch, Visit&& visit);

// Builds a batch record by record. Not thread-safe; reusable after finish().
class BatchBuilder {
  public:
    explicit BatchBuilder(Codec codec = Codec::none) : codec_(codec) {}

    void set_producer(ProducerId id, std::uint32_t epoch, std::uint32_t base_sequence);
    // Adds a record. The first record's timestamp becomes base_timestamp_ms.
    void add(std::uint64_t timestamp_ms, std::optional<ByteView> key, std::optional<ByteView> value,
             const std::vector<RecordHeader>& headers = {});

    // Room for so many bytes in all, so that a batch of which the size is about known is not copied while it grows.
    void reserve(std::size_t size_bytes) { buffer_.reserve(size_bytes); }

    std::uint32_t count() const { return count_; }
    bool empty() const { return count_ == 0; }
    // The size that finish() would return without compression.
    std::size_t size_bytes() const { return buffer_.empty() ? kBatchHeaderBytes : buffer_.size(); }
    // The finished batch, checksummed, unstamped; compressed if a codec was given and it made the body smaller.
    // Requires count() > 0. The builder is empty again, without a producer.
    Buffer finish();

  private:
    void sum_up();

    Codec codec_;
    Buffer buffer_;  // room for the header, then the records
    // The checksum of the records up to there, taken while they are in the processor's cache. Uncompressed batches only.
    std::size_t summed_to_ = kBatchHeaderBytes;
    std::uint32_t summed_crc_ = 0;
    std::uint32_t count_ = 0;
    ProducerId producer_id_;
    std::uint32_t producer_epoch_ = 0;
    std::uint32_t base_sequence_ = 0;
    std::uint64_t base_timestamp_ms_ = 0;
    std::uint64_t max_timestamp_ms_ = 0;
};

// The body of a batch, decompressed into `scratch` if it has to be (else a view into `batch`).
Result<ByteView> batch_body(const BatchHeader& header, ByteView batch, Buffer& scratch);

class MsgpackReader;
// Reads one record; false if it is malformed. `record.headers` is reused.
bool read_record(MsgpackReader& reader, std::uint64_t base_timestamp_ms, RecordView& record);

}  // namespace sedge

#include "schema/record_batch_inl.h"
