// Which partition a record goes to, when the application does not say.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "schema/bytes.h"
#include "schema/ids.h"

namespace sedge {

// Derive from it to choose partitions your own way. The producer calls it under its lock, from the threads that send; it must not
// call the producer back, and should be quick.
class Partitioner {
  public:
    virtual ~Partitioner() = default;
    // A partition below `partitions` (1 or more). `key` is absent if the record has none.
    virtual PartitionIndex choose(std::string_view topic, std::optional<ByteView> key, std::uint32_t partitions) = 0;
    // The batch that gathered for this partition is complete: what follows begins another one.
    virtual void batch_closed(std::string_view /*topic*/, PartitionIndex /*partition*/) {}
};

// The default. With a key: its murmur2 hash, the same partition as every Kafka client would choose, in every language. Without:
// one partition until its batch is complete, then the next, so that batches are large.
std::unique_ptr<Partitioner> make_key_hash_partitioner();
// With a key: as above. Without: each record to the next partition.
std::unique_ptr<Partitioner> make_round_robin_partitioner();

}  // namespace sedge
