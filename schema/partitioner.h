// Which partition a key belongs to: the same in every language, so that one key's records stay in one partition and in order.
#pragma once

#include <cstdint>

#include "schema/bytes.h"
#include "schema/ids.h"

namespace sedge {

// murmur2 with seed 0x9747b28c, as the Kafka clients compute it (Austin Appleby's MurmurHash2, 32 bits).
std::uint32_t key_hash(ByteView key);

// (key_hash & 0x7fffffff) % partitions. Requires partitions > 0.
PartitionIndex partition_of_key(ByteView key, std::uint32_t partitions);

}  // namespace sedge
