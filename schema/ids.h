// The names of things that cross the wire or reach the disk. Each has its own type, so that the compiler
// refuses an offset where a partition belongs.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>

namespace sedge {

// A topic's identity: 128 random bits, made when the topic is made. A name is only a pointer to it, and a topic
// that is deleted and made again shares nothing with the old one.
struct TopicId {
    std::array<std::uint8_t, 16> bytes{};
    auto operator<=>(const TopicId&) const = default;
};

// Which partition of a topic, counted from 0.
struct PartitionIndex {
    std::uint32_t value = 0;
    auto operator<=>(const PartitionIndex&) const = default;
};

// One partition of one topic: the unit of order, of offsets and (in a mesh) of leadership.
struct PartitionId {
    TopicId topic;
    PartitionIndex partition;
    auto operator<=>(const PartitionId&) const = default;
};

// The place of a record in its partition, counted from 0, without gaps.
struct Offset {
    std::uint64_t value = 0;
    auto operator<=>(const Offset&) const = default;
    constexpr Offset operator+(std::uint64_t records) const { return Offset{value + records}; }
    // How many records lie from `earlier` up to this one. Requires earlier <= *this.
    constexpr std::uint64_t operator-(Offset earlier) const { return value - earlier.value; }
};

// The term of a partition's leader; every batch carries the one that it was appended in.
struct Epoch {
    std::uint32_t value = 0;
    auto operator<=>(const Epoch&) const = default;
};

// A producer's identity: 64 random bits chosen by the client at its start; 0 means "not idempotent".
struct ProducerId {
    std::uint64_t value = 0;
    auto operator<=>(const ProducerId&) const = default;
};

// Lower-case hexadecimal, 32 characters.
std::string to_string(const TopicId& id);

struct TopicIdHash {
    // The bytes are random already: any eight of them are a hash.
    std::size_t operator()(const TopicId& id) const {
        std::uint64_t half;
        std::memcpy(&half, id.bytes.data(), sizeof half);
        return static_cast<std::size_t>(half);
    }
};

struct PartitionIdHash {
    std::size_t operator()(const PartitionId& id) const {
        return TopicIdHash{}(id.topic) ^ (std::size_t{id.partition.value} * 0x9E3779B97F4A7C15ull);
    }
};

}  // namespace sedge
