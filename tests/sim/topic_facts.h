// What the checker needs to know of a topic, read from the description that the journal stores.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "schema/bytes.h"
#include "schema/ids.h"

namespace sedge::sim {

struct TopicFacts {
    std::string name;
    std::uint32_t partitions = 1;
    bool synced = true;                         // durability=fsync
    std::optional<std::uint64_t> retention_ms;  // absent: for ever
    std::optional<std::uint64_t> retention_bytes;
    std::uint64_t max_batch_bytes = 0;
};

// Throws a Violation if the core stored something that it cannot read itself.
TopicFacts read_topic_facts(ByteView description, const TopicId& id);

}  // namespace sedge::sim
