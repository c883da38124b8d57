#include "schema/partitioner.h"

#include "schema/little_endian.h"

namespace sedge {

std::uint32_t key_hash(ByteView key) {
    constexpr std::uint32_t kSeed = 0x9747B28C;
    constexpr std::uint32_t kMultiplier = 0x5BD1E995;
    std::uint32_t hash = kSeed ^ static_cast<std::uint32_t>(key.size());
    std::size_t at = 0;
    for (; key.size() - at >= 4; at += 4) {
        std::uint32_t word = load_le<std::uint32_t>(key, at) * kMultiplier;
        word = (word ^ (word >> 24)) * kMultiplier;
        hash = (hash * kMultiplier) ^ word;
    }
    const std::size_t left = key.size() - at;
    for (std::size_t i = left; i-- > 0;) hash ^= std::to_integer<std::uint32_t>(key[at + i]) << (8 * i);
    if (left > 0) hash *= kMultiplier;
    hash = (hash ^ (hash >> 13)) * kMultiplier;
    return hash ^ (hash >> 15);
}

PartitionIndex partition_of_key(ByteView key, std::uint32_t partitions) {
    return PartitionIndex{(key_hash(key) & 0x7FFFFFFFu) % partitions};
}

}  // namespace sedge
