#include "node/core/replica_messages.h"

#include <algorithm>
#include <limits>
#include <type_traits>

#include "schema/msgpack.h"

namespace sedge::node {
namespace {

using replica_limits::kMaxLineageSteps;
using replica_limits::kMaxPerMessage;

void write(MsgpackWriter& writer, const PartitionId& id) {
    writer.bin(std::as_bytes(std::span(id.topic.bytes)));
    writer.uint(id.partition.value);
}

void write(MsgpackWriter& writer, const Lineage& lineage) {
    const auto all = lineage.steps();
    const auto newest = all.last(std::min(all.size(), kMaxLineageSteps));
    writer.array(static_cast<std::uint32_t>(newest.size() * 2));
    for (const Lineage::Step& step : newest) {
        writer.uint(step.epoch.value);
        writer.uint(step.first.value);
    }
}

void write_uints(MsgpackWriter& writer, std::initializer_list<std::uint64_t> values) {
    for (const std::uint64_t value : values) writer.uint(value);
}

template <class Integer>
bool read(MsgpackReader& reader, Integer& out) requires std::is_integral_v<Integer> {
    const auto value = reader.uint();
    if (!value || *value > std::numeric_limits<Integer>::max()) return false;
    out = static_cast<Integer>(*value);
    return true;
}

bool read(MsgpackReader& reader, PartitionId& id) {
    const auto topic = reader.bin();
    if (!topic || topic->size() != id.topic.bytes.size()) return false;
    std::copy(topic->begin(), topic->end(), std::as_writable_bytes(std::span(id.topic.bytes)).begin());
    return read(reader, id.partition.value);
}

bool read(MsgpackReader& reader, Lineage& lineage) {
    const auto size = reader.array();
    if (!size || *size % 2 != 0 || *size / 2 > kMaxLineageSteps) return false;
    std::vector<Lineage::Step> steps(*size / 2);
    for (Lineage::Step& step : steps)
        if (!read(reader, step.epoch.value) || !read(reader, step.first.value)) return false;
    auto made = Lineage::from_steps(std::move(steps));
    if (!made) return false;
    lineage = std::move(*made);
    return true;
}

bool read(MsgpackReader& reader, Follow& follow) {
    return reader.array() == 6u && read(reader, follow.partition) && read(reader, follow.epoch.value) &&
           read(reader, follow.log.value) && read(reader, follow.end.value) && read(reader, follow.lineage);
}

bool read(MsgpackReader& reader, Chunk& chunk) {
    if (reader.array() != 11u) return false;
    if (!read(reader, chunk.partition) || !read(reader, chunk.epoch.value) || !read(reader, chunk.base.value) ||
        !read(reader, chunk.previous_epoch.value) || !read(reader, chunk.start.value) || !read(reader, chunk.end.value) ||
        !read(reader, chunk.high_watermark.value) || !read(reader, chunk.frames) || !read(reader, chunk.round))
        return false;
    return reader.nil() || read(reader, chunk.lineage.emplace());
}

bool read(MsgpackReader& reader, Progress& progress) {
    return reader.array() == 7u && read(reader, progress.partition) && read(reader, progress.epoch.value) &&
           read(reader, progress.log.value) && read(reader, progress.end.value) && read(reader, progress.received.value) &&
           read(reader, progress.round);
}

template <class Message>
std::optional<std::vector<Message>> decode_all(ByteView bytes) {
    MsgpackReader reader(bytes);
    const auto size = reader.array();
    if (!size || *size > kMaxPerMessage) return std::nullopt;
    std::vector<Message> all(*size);
    for (Message& each : all)
        if (!read(reader, each)) return std::nullopt;
    return reader.at_end() ? std::optional(std::move(all)) : std::nullopt;
}

}  // namespace

void encode_follows(const std::vector<Follow>& follows, Buffer& out) {
    MsgpackWriter writer(out);
    writer.array(static_cast<std::uint32_t>(follows.size()));
    for (const Follow& follow : follows) {
        writer.array(6);
        write(writer, follow.partition);
        write_uints(writer, {follow.epoch.value, follow.log.value, follow.end.value});
        write(writer, follow.lineage);
    }
}

void encode_chunks(const std::vector<Chunk>& chunks, Buffer& out) {
    MsgpackWriter writer(out);
    writer.array(static_cast<std::uint32_t>(chunks.size()));
    for (const Chunk& chunk : chunks) {
        writer.array(11);
        write(writer, chunk.partition);
        write_uints(writer, {chunk.epoch.value, chunk.base.value, chunk.previous_epoch.value, chunk.start.value, chunk.end.value,
                             chunk.high_watermark.value, chunk.frames, chunk.round});
        if (chunk.lineage)
            write(writer, *chunk.lineage);
        else
            writer.nil();
    }
}

void encode_progress(const std::vector<Progress>& progress, Buffer& out) {
    MsgpackWriter writer(out);
    writer.array(static_cast<std::uint32_t>(progress.size()));
    for (const Progress& each : progress) {
        writer.array(7);
        write(writer, each.partition);
        write_uints(writer, {each.epoch.value, each.log.value, each.end.value, each.received.value, each.round});
    }
}

std::optional<std::vector<Follow>> decode_follows(ByteView bytes) { return decode_all<Follow>(bytes); }
std::optional<std::vector<Chunk>> decode_chunks(ByteView bytes) { return decode_all<Chunk>(bytes); }
std::optional<std::vector<Progress>> decode_progress(ByteView bytes) { return decode_all<Progress>(bytes); }

}  // namespace sedge::node
