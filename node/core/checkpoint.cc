#include "node/core/checkpoint.h"

#include <algorithm>
#include <limits>
#include <type_traits>

#include "node/core/replica_log.h"
#include "schema/crc32c.h"
#include "schema/little_endian.h"
#include "schema/msgpack.h"

namespace sedge::node {
namespace {

constexpr std::string_view kMagic = "SGCK";
constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kVersionAt = 4, kCrcAt = 8, kHeaderBytes = 12;

std::uint32_t size_of(const auto& list) { return static_cast<std::uint32_t>(list.size()); }

void write_uints(MsgpackWriter& writer, std::initializer_list<std::uint64_t> values) {
    for (const std::uint64_t value : values) writer.uint(value);
}

void write_producers(MsgpackWriter& writer, const ProducerTable& table) {
    writer.array(2 + size_of(table.producers()));
    write_uints(writer, {table.clock().passed_ms, table.clock().last_append_ms});
    for (const ProducerTable::Producer& producer : table.producers()) {
        writer.array(3 + 3 * producer.known);
        write_uints(writer, {producer.id.value, producer.epoch, producer.last_used_ms});
        for (const ProducerTable::Batch& batch : producer.batches())
            write_uints(writer, {batch.base_sequence, batch.count, batch.base_offset.value});
    }
}

void write_retention(MsgpackWriter& writer, const RetentionLog& log) {
    writer.array(1 + 3 * size_of(log.pieces()));
    writer.uint(log.open_since_ms());
    RetentionLog::Piece before;
    for (const RetentionLog::Piece& piece : log.pieces()) {
        writer.uint(piece.base - before.base);
        writer.uint(piece.bytes);
        writer.sint(static_cast<std::int64_t>(piece.newest_ms - before.newest_ms));
        before = piece;
    }
}

constexpr std::uint32_t kPlainFields = 6, kReplicatedFields = 10;

void write_undo(MsgpackWriter& writer, const ReplicaLog::Undo& undo) {
    writer.array(undo.before ? 8 + 3 * undo.before->known : 6);
    write_uints(writer, {undo.base.value, undo.size_bytes, undo.last_epoch.value, undo.producer.value, undo.clock.passed_ms,
                         undo.clock.last_append_ms});
    if (!undo.before) return;
    write_uints(writer, {undo.before->epoch, undo.before->last_used_ms});
    for (const ProducerTable::Batch& batch : undo.before->batches())
        write_uints(writer, {batch.base_sequence, batch.count, batch.base_offset.value});
}

void write_log(MsgpackWriter& writer, const ReplicaLog& log, Offset high_watermark) {
    write_uints(writer, {high_watermark.value, log.seen_epoch.value});
    writer.array(2 * size_of(log.lineage.steps()));
    for (const Lineage::Step& step : log.lineage.steps()) write_uints(writer, {step.epoch.value, step.first.value});
    writer.array(static_cast<std::uint32_t>(std::count_if(log.undo.begin(), log.undo.end(),
                                                          [&](const auto& undo) { return undo.base >= high_watermark; })));
    for (const ReplicaLog::Undo& undo : log.undo)
        if (undo.base >= high_watermark) write_undo(writer, undo);
}

void write_partition(MsgpackWriter& writer, const Partition& partition) {
    constexpr std::uint64_t kNoLogId = 0;
    const ReplicaLog* log = partition.log.get();
    writer.array(log == nullptr ? kPlainFields : kReplicatedFields);
    write_uints(writer, {partition.start.value, partition.end.value, partition.last_epoch.value, log == nullptr ? kNoLogId : log->id.value});
    write_retention(writer, partition.retention);
    write_producers(writer, partition.producers);
    if (log != nullptr) write_log(writer, *log, partition.high_watermark);
}

// Reads integers one after the other; false as soon as one is none, or does not fit.
template <class... Integers>
bool read_uints(MsgpackReader& reader, Integers&... out) {
    const auto read = [&reader](auto& each) {
        const auto value = reader.uint();
        if (!value || *value > std::numeric_limits<std::remove_reference_t<decltype(each)>>::max()) return false;
        each = static_cast<std::remove_reference_t<decltype(each)>>(*value);
        return true;
    };
    return (read(out) && ...);
}

bool read_producer(MsgpackReader& reader, ProducerTable& table) {
    constexpr std::uint32_t kMostFields = 3 + 3 * limits::kBatchesInFlight;
    const auto fields = reader.array();
    if (!fields || *fields < 6 || *fields > kMostFields || *fields % 3 != 0) return false;
    ProducerTable::Producer producer;
    if (!read_uints(reader, producer.id.value, producer.epoch, producer.last_used_ms)) return false;
    for (std::uint32_t i = 1; i < *fields / 3; ++i) {
        ProducerTable::Batch batch;
        if (!read_uints(reader, batch.base_sequence, batch.count, batch.base_offset.value)) return false;
        producer.remember(batch);
    }
    return table.restore(producer);
}

bool read_producers(MsgpackReader& reader, ProducerTable& table) {
    const auto size = reader.array();
    ProducerTable::Clock clock;
    if (!size || *size < 2 || !read_uints(reader, clock.passed_ms, clock.last_append_ms)) return false;
    table.restore_clock(clock);
    for (std::uint32_t i = 2; i < *size; ++i)
        if (!read_producer(reader, table)) return false;
    return true;
}

bool read_retention(MsgpackReader& reader, RetentionLog& log) {
    const auto size = reader.array();
    std::uint64_t open_since_ms = 0;
    if (!size || *size % 3 != 1 || *size / 3 > RetentionLog::kMaxPieces || !read_uints(reader, open_since_ms)) return false;
    std::vector<RetentionLog::Piece> pieces(*size / 3);
    RetentionLog::Piece before;
    for (RetentionLog::Piece& piece : pieces) {
        std::uint64_t distance = 0;
        if (!read_uints(reader, distance, piece.bytes)) return false;
        const auto later_ms = reader.sint();
        if (!later_ms) return false;
        piece.base = before.base + distance;
        piece.newest_ms = before.newest_ms + static_cast<std::uint64_t>(*later_ms);
        before = piece;
    }
    return log.restore(std::move(pieces), open_since_ms);
}

bool read_undo(MsgpackReader& reader, ReplicaLog::Undo& undo) {
    const auto fields = reader.array();
    if (!fields || !read_uints(reader, undo.base.value, undo.size_bytes, undo.last_epoch.value, undo.producer.value,
                               undo.clock.passed_ms, undo.clock.last_append_ms))
        return false;
    if (*fields == 6) return true;
    if (*fields < 11 || (*fields - 8) % 3 != 0 || (*fields - 8) / 3 > limits::kBatchesInFlight) return false;
    ProducerTable::Producer& producer = undo.before.emplace();
    producer.id = undo.producer;
    if (!read_uints(reader, producer.epoch, producer.last_used_ms)) return false;
    for (std::uint32_t i = 0; i < (*fields - 8) / 3; ++i) {
        ProducerTable::Batch batch;
        if (!read_uints(reader, batch.base_sequence, batch.count, batch.base_offset.value)) return false;
        producer.remember(batch);
    }
    return true;
}

bool read_log(MsgpackReader& reader, Partition& partition) {
    ReplicaLog& log = *partition.log;
    if (!read_uints(reader, partition.high_watermark.value, log.seen_epoch.value)) return false;
    if (partition.high_watermark < partition.start || partition.high_watermark > partition.end) return false;
    log.stored_watermark = partition.high_watermark;
    const auto numbers = reader.array();
    if (!numbers || *numbers % 2 != 0) return false;
    std::vector<Lineage::Step> steps(*numbers / 2);
    for (Lineage::Step& step : steps)
        if (!read_uints(reader, step.epoch.value, step.first.value)) return false;
    auto lineage = Lineage::from_steps(std::move(steps));
    if (!lineage) return false;
    log.lineage = std::move(*lineage);
    const auto undos = reader.array();
    if (!undos) return false;
    for (std::uint32_t i = 0; i < *undos; ++i)
        if (!read_undo(reader, log.undo.emplace_back())) return false;
    return true;
}

bool read_partition(MsgpackReader& reader, Partition& partition) {
    std::uint64_t log_id = 0;
    const auto fields = reader.array();
    if (fields != kPlainFields && fields != kReplicatedFields) return false;
    if (!read_uints(reader, partition.start.value, partition.end.value, partition.last_epoch.value, log_id)) return false;
    if (partition.start > partition.end) return false;
    partition.high_watermark = partition.end;
    if (!read_retention(reader, partition.retention) || !read_producers(reader, partition.producers)) return false;
    if (fields == kPlainFields) return true;
    partition.log = std::make_unique<ReplicaLog>();
    partition.log->id = LogId{log_id};
    return read_log(reader, partition);
}

bool read_topic(MsgpackReader& reader, Catalogue& catalogue) {
    if (reader.array() != 2u) return false;
    const auto bytes = reader.bin();
    const auto description = bytes ? decode_topic(*bytes) : std::nullopt;
    if (!description || catalogue.find(description->name) != nullptr || catalogue.find(description->id) != nullptr) return false;
    // Its partitions are there before memory is taken for them.
    if (reader.array() != description->partitions) return false;
    if (catalogue.partitions() + description->partitions > limits::kMaxPartitionsPerNode) return false;
    Topic& topic = catalogue.add(*description);
    return std::all_of(topic.partitions.begin(), topic.partitions.end(),
                       [&](const auto& partition) { return read_partition(reader, *partition); });
}

Status damaged(const char* what) { return {ErrorCode::storage_failed, std::string("checkpoint: ") + what}; }

}  // namespace

Buffer encode_checkpoint(const Catalogue& catalogue) {
    Buffer out(kHeaderBytes);
    MsgpackWriter writer(out);
    writer.array(size_of(catalogue.topics()));
    for (const auto& [name, topic] : catalogue.topics()) {
        Buffer description;
        encode_topic(topic->description, description);
        writer.array(2);
        writer.bin(description);
        writer.array(size_of(topic->partitions));
        for (const auto& partition : topic->partitions) write_partition(writer, *partition);
    }
    std::copy_n(as_bytes(kMagic).begin(), kMagic.size(), out.begin());
    store_le<std::uint16_t>(out, kVersionAt, kVersion);
    store_le<std::uint32_t>(out, kCrcAt, crc32c(ByteView(out).subspan(kHeaderBytes)));
    return out;
}

Status decode_checkpoint(ByteView bytes, Catalogue& catalogue) {
    if (bytes.size() < kHeaderBytes || as_text(bytes.first(kMagic.size())) != kMagic) return damaged("not one");
    if (load_le<std::uint16_t>(bytes, kVersionAt) != kVersion) return damaged("written by another version of sedged");
    const ByteView body = bytes.subspan(kHeaderBytes);
    if (crc32c(body) != load_le<std::uint32_t>(bytes, kCrcAt)) return damaged("its checksum does not match");
    MsgpackReader reader(body);
    const auto size = reader.array();
    if (!size || *size > limits::kMaxTopics) return damaged("malformed");
    bool good = true;
    for (std::uint32_t i = 0; i < *size && good; ++i) good = read_topic(reader, catalogue);
    if (good && reader.at_end()) return {};
    catalogue.clear();
    return damaged("malformed");
}

}  // namespace sedge::node
