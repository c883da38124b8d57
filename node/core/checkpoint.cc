#include "node/core/checkpoint.h"

#include <algorithm>

#include "schema/crc32c.h"
#include "schema/little_endian.h"
#include "schema/msgpack.h"

namespace sedge::node {
namespace {

constexpr std::string_view kMagic = "SGCK";
constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kVersionAt = 4, kCrcAt = 8, kHeaderBytes = 12;

std::uint32_t size_of(const auto& list) { return static_cast<std::uint32_t>(list.size()); }

void write_producers(MsgpackWriter& writer, const ProducerTable& table) {
    writer.array(size_of(table.producers()));
    for (const auto& [id, producer] : table.producers()) {
        writer.array(3 + 3 * size_of(producer.batches));
        writer.uint(id.value);
        writer.uint(producer.epoch);
        writer.uint(producer.last_append_ms);
        for (const ProducerTable::Batch& batch : producer.batches) {
            writer.uint(batch.base_sequence);
            writer.uint(batch.count);
            writer.uint(batch.base_offset.value);
        }
    }
}

void write_partition(MsgpackWriter& writer, const Partition& partition) {
    writer.array(7);
    writer.uint(partition.start.value);
    writer.uint(partition.end.value);
    writer.uint(partition.last_epoch.value);
    writer.uint(partition.marks.appended_bytes());
    writer.uint(partition.marks.last_append_ms());
    writer.array(3 * size_of(partition.marks.marks()));
    for (const RetentionMarks::Mark& mark : partition.marks.marks()) {
        writer.uint(mark.base.value);
        writer.uint(mark.append_time_ms);
        writer.uint(mark.bytes_before);
    }
    write_producers(writer, partition.producers);
}

// Reads `count` integers; false as soon as one is none.
bool read_uints(MsgpackReader& reader, std::initializer_list<std::uint64_t*> out) {
    for (std::uint64_t* each : out) {
        const auto value = reader.uint();
        if (!value) return false;
        *each = *value;
    }
    return true;
}

bool read_producers(MsgpackReader& reader, ProducerTable& table) {
    const auto size = reader.array();
    if (!size) return false;
    for (std::uint32_t i = 0; i < *size; ++i) {
        const auto fields = reader.array();
        std::uint64_t id = 0, epoch = 0;
        ProducerTable::Producer producer;
        if (!fields || *fields < 6 || *fields % 3 != 0 || !read_uints(reader, {&id, &epoch, &producer.last_append_ms})) return false;
        producer.epoch = static_cast<std::uint32_t>(epoch);
        for (std::uint32_t batch = 1; batch < *fields / 3; ++batch) {
            std::uint64_t sequence = 0, count = 0, offset = 0;
            if (!read_uints(reader, {&sequence, &count, &offset})) return false;
            producer.batches.push_back({static_cast<std::uint32_t>(sequence), static_cast<std::uint32_t>(count), Offset{offset}});
        }
        table.restore(ProducerId{id}, std::move(producer));
    }
    return true;
}

bool read_marks(MsgpackReader& reader, std::deque<RetentionMarks::Mark>& marks) {
    const auto size = reader.array();
    if (!size || *size % 3 != 0) return false;
    for (std::uint32_t i = 0; i < *size / 3; ++i) {
        RetentionMarks::Mark mark;
        if (!read_uints(reader, {&mark.base.value, &mark.append_time_ms, &mark.bytes_before})) return false;
        marks.push_back(mark);
    }
    return true;
}

bool read_partition(MsgpackReader& reader, Partition& partition) {
    std::uint64_t epoch = 0, appended_bytes = 0, last_append_ms = 0;
    std::deque<RetentionMarks::Mark> marks;
    if (reader.array() != 7u) return false;
    if (!read_uints(reader, {&partition.start.value, &partition.end.value, &epoch, &appended_bytes, &last_append_ms})) return false;
    if (partition.start > partition.end) return false;
    partition.last_epoch = Epoch{static_cast<std::uint32_t>(epoch)};
    partition.high_watermark = partition.end;
    if (!read_marks(reader, marks)) return false;
    partition.marks.restore(std::move(marks), appended_bytes, last_append_ms);
    return read_producers(reader, partition.producers);
}

bool read_topic(MsgpackReader& reader, Catalogue& catalogue) {
    if (reader.array() != 2u) return false;
    const auto bytes = reader.bin();
    const auto description = bytes ? decode_topic(*bytes) : std::nullopt;
    if (!description || catalogue.find(description->name) != nullptr || catalogue.find(description->id) != nullptr) return false;
    Topic& topic = catalogue.add(*description);
    if (reader.array() != topic.description.partitions) return false;
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
