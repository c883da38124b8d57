#include "schema/record_batch.h"

#include <algorithm>
#include <cassert>

#include "schema/compression.h"
#include "schema/crc32c.h"
#include "schema/limits.h"
#include "schema/little_endian.h"
#include "schema/msgpack.h"
#include "schema/utf8.h"

namespace sedge {
namespace {

// Where the fields stand; see the table in record_batch.h.
constexpr std::size_t kSizeAt = 0, kCrcAt = 4, kBaseOffsetAt = 8, kAppendTimeAt = 16, kEpochAt = 24, kLeaderCrcAt = 28,
                      kVersionAt = 32, kCodecAt = 33, kFlagsAt = 34, kCountAt = 36, kProducerIdAt = 40,
                      kProducerEpochAt = 48, kBaseSequenceAt = 52, kBaseTimestampAt = 56, kMaxTimestampAt = 64;
constexpr std::uint8_t kBatchVersion = 1;
// A builder takes its checksum in pieces of this size: much less than a processor's cache, enough for its fast way.
constexpr std::size_t kSumEveryBytes = 12u << 10;

Status corrupt(std::string what) { return {ErrorCode::corrupt_batch, std::move(what)}; }

std::uint32_t leader_crc(ByteView batch) { return crc32c(batch.subspan(kBaseOffsetAt, kLeaderCrcAt - kBaseOffsetAt)); }

}  // namespace

Result<BatchHeader> parse_batch_header(ByteView bytes) {
    if (bytes.size() < kBatchHeaderBytes)
        return corrupt("a batch has a header of 72 bytes, but only " + std::to_string(bytes.size()) + " are there");
    BatchHeader header;
    header.size_bytes = load_le<std::uint32_t>(bytes, kSizeAt);
    if (header.size_bytes <= kBatchHeaderBytes) return corrupt("the batch's size leaves no room for records");
    if (header.size_bytes > limits::kMaxBatchBytes)
        return Status{ErrorCode::record_too_large, "a batch has " + std::to_string(limits::kMaxBatchBytes) + " bytes at most"};
    const auto version = load_le<std::uint8_t>(bytes, kVersionAt);
    const auto codec = load_le<std::uint8_t>(bytes, kCodecAt);
    if (version != kBatchVersion) return corrupt("the batch has version " + std::to_string(version) + "; 1 is known");
    if (codec > static_cast<std::uint8_t>(Codec::lz4)) return corrupt("unknown codec " + std::to_string(codec));
    if (load_le<std::uint16_t>(bytes, kFlagsAt) != 0) return corrupt("the batch has unknown flags");
    header.crc = load_le<std::uint32_t>(bytes, kCrcAt);
    header.base_offset = Offset{load_le<std::uint64_t>(bytes, kBaseOffsetAt)};
    header.append_time_ms = load_le<std::uint64_t>(bytes, kAppendTimeAt);
    header.epoch = Epoch{load_le<std::uint32_t>(bytes, kEpochAt)};
    header.codec = static_cast<Codec>(codec);
    header.count = load_le<std::uint32_t>(bytes, kCountAt);
    header.producer_id = ProducerId{load_le<std::uint64_t>(bytes, kProducerIdAt)};
    header.producer_epoch = load_le<std::uint32_t>(bytes, kProducerEpochAt);
    header.base_sequence = load_le<std::uint32_t>(bytes, kBaseSequenceAt);
    header.base_timestamp_ms = load_le<std::uint64_t>(bytes, kBaseTimestampAt);
    header.max_timestamp_ms = load_le<std::uint64_t>(bytes, kMaxTimestampAt);
    if (header.count == 0 || header.count > limits::kMaxRecordsPerBatch)
        return corrupt("a batch has 1 to " + std::to_string(limits::kMaxRecordsPerBatch) + " records");
    if (header.base_sequence >= kSequenceModulus) return corrupt("a sequence is below 2^31");
    return header;
}

Result<BatchHeader> read_batch_header(ByteView bytes) {
    auto header = parse_batch_header(bytes);
    if (header.ok() && header->size_bytes > bytes.size())
        return corrupt("the batch says that it has " + std::to_string(header->size_bytes) + " bytes, but " +
                       std::to_string(bytes.size()) + " are there");
    return header;
}

Result<BatchHeader> check_batch(ByteView bytes) {
    auto header = read_batch_header(bytes);
    if (!header.ok()) return header;
    if (crc32c(bytes.subspan(kVersionAt, header->size_bytes - kVersionAt)) != header->crc)
        return corrupt("the batch does not match its checksum");
    return header;
}

Result<BatchHeader> check_appended_batch(ByteView bytes) {
    auto header = read_batch_header(bytes);
    if (!header.ok()) return header;
    if (leader_crc(bytes) != load_le<std::uint32_t>(bytes, kLeaderCrcAt))
        return corrupt("the batch's offset, epoch and time do not match their checksum");
    return check_batch(bytes);
}

void stamp_batch(MutableBytes batch, Offset base_offset, std::uint64_t append_time_ms, Epoch epoch) {
    assert(batch.size() >= kBatchHeaderBytes);
    store_le(batch, kBaseOffsetAt, base_offset.value);
    store_le(batch, kAppendTimeAt, append_time_ms);
    store_le(batch, kEpochAt, epoch.value);
    store_le(batch, kLeaderCrcAt, leader_crc(batch));
}

Result<ByteView> batch_body(const BatchHeader& header, ByteView batch, Buffer& scratch) {
    const ByteView body = batch.subspan(kBatchHeaderBytes, header.size_bytes - kBatchHeaderBytes);
    if (header.codec == Codec::none) return body;
    if (Status status = decompress(header.codec, body, limits::kMaxDecompressedBytes, scratch); !status.ok()) return status;
    return ByteView(scratch);
}

namespace {

bool read_record_headers(MsgpackReader& reader, std::vector<RecordHeader>& headers) {
    std::uint32_t size = 0;
    if (!reader.read_array(size) || size > limits::kMaxRecordHeaders) return false;
    for (std::uint32_t i = 0; i < size; ++i) {
        std::uint32_t pair = 0;
        RecordHeader header;
        if (!reader.read_array(pair) || pair != 2 || !reader.read_str(header.name) || !reader.read_blob(header.value)) return false;
        if (!is_utf8(as_bytes(header.name))) return false;
        headers.push_back(header);
    }
    return true;
}

bool read_optional_blob(MsgpackReader& reader, std::optional<ByteView>& out) {
    out.reset();
    if (reader.nil()) return true;
    ByteView bytes;
    if (!reader.read_blob(bytes)) return false;
    out = bytes;
    return true;
}

}  // namespace

bool read_record(MsgpackReader& reader, std::uint64_t base_timestamp_ms, RecordView& record) {
    record.headers.clear();
    std::uint32_t size = 0;
    std::int64_t delta_ms = 0;
    if (!reader.read_array(size) || (size != 3 && size != 4) || !reader.read_sint(delta_ms)) return false;
    // Unsigned arithmetic wraps; a hostile delta gives a strange time, not undefined behaviour.
    record.timestamp_ms = base_timestamp_ms + static_cast<std::uint64_t>(delta_ms);
    if (!read_optional_blob(reader, record.key) || !read_optional_blob(reader, record.value)) return false;
    return size == 3 || read_record_headers(reader, record.headers);
}

// --- Building ---

void BatchBuilder::set_producer(ProducerId id, std::uint32_t epoch, std::uint32_t base_sequence) {
    producer_id_ = id;
    producer_epoch_ = epoch;
    base_sequence_ = base_sequence;
}

void BatchBuilder::add(std::uint64_t timestamp_ms, std::optional<ByteView> key, std::optional<ByteView> value,
                       const std::vector<RecordHeader>& headers) {
    if (buffer_.empty()) buffer_.resize(kBatchHeaderBytes);
    if (count_ == 0) base_timestamp_ms_ = max_timestamp_ms_ = timestamp_ms;
    max_timestamp_ms_ = std::max(max_timestamp_ms_, timestamp_ms);
    MsgpackWriter writer(buffer_);
    writer.array(headers.empty() ? 3 : 4);
    writer.sint(static_cast<std::int64_t>(timestamp_ms - base_timestamp_ms_));
    key ? writer.bin(*key) : writer.nil();
    value ? writer.bin(*value) : writer.nil();
    if (!headers.empty()) {
        writer.array(static_cast<std::uint32_t>(headers.size()));
        for (const RecordHeader& header : headers) {
            writer.array(2);
            writer.str(header.name);
            writer.bin(header.value);
        }
    }
    ++count_;
    if (codec_ == Codec::none && buffer_.size() - summed_to_ >= kSumEveryBytes) sum_up();
}

void BatchBuilder::sum_up() {
    summed_crc_ = crc32c(ByteView(buffer_).subspan(summed_to_), summed_crc_);
    summed_to_ = buffer_.size();
}

Buffer BatchBuilder::finish() {
    assert(count_ > 0);
    Codec codec = Codec::none;
    if (codec_ != Codec::none) {
        Buffer packed(kBatchHeaderBytes);
        compress(codec_, ByteView(buffer_).subspan(kBatchHeaderBytes), packed);
        if (packed.size() < buffer_.size()) {
            buffer_ = std::move(packed);
            codec = codec_;
        }
    }
    const MutableBytes bytes(buffer_);
    std::fill_n(buffer_.begin(), kBatchHeaderBytes, std::byte{0});
    store_le(bytes, kSizeAt, static_cast<std::uint32_t>(buffer_.size()));
    store_le(bytes, kVersionAt, kBatchVersion);
    store_le(bytes, kCodecAt, static_cast<std::uint8_t>(codec));
    store_le(bytes, kCountAt, count_);
    store_le(bytes, kProducerIdAt, producer_id_.value);
    store_le(bytes, kProducerEpochAt, producer_epoch_);
    store_le(bytes, kBaseSequenceAt, base_sequence_);
    store_le(bytes, kBaseTimestampAt, base_timestamp_ms_);
    store_le(bytes, kMaxTimestampAt, max_timestamp_ms_);
    if (summed_to_ == kBatchHeaderBytes) {
        store_le(bytes, kCrcAt, crc32c(ByteView(buffer_).subspan(kVersionAt)));
    } else {
        sum_up();
        const auto of_header = crc32c(ByteView(buffer_).subspan(kVersionAt, kBatchHeaderBytes - kVersionAt));
        store_le(bytes, kCrcAt, crc32c_join(of_header, summed_crc_, buffer_.size() - kBatchHeaderBytes));
    }
    summed_to_ = kBatchHeaderBytes;
    summed_crc_ = 0;
    Buffer finished = std::move(buffer_);
    buffer_ = Buffer();
    count_ = 0;
    set_producer({}, 0, 0);
    return finished;
}

}  // namespace sedge
