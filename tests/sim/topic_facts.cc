#include "tests/sim/topic_facts.h"

#include "node/core/catalogue.h"
#include "tests/sim/violation.h"

namespace sedge::sim {

TopicFacts read_topic_facts(ByteView description, const TopicId& id) {
    const auto topic = node::decode_topic(description);
    require(topic.has_value(), "a topic's description does not read back");
    require(topic->id == id, "a topic's description has another id than its entry");
    return {topic->name, topic->partitions, topic->config.sync, topic->config.retention_ms, topic->config.retention_bytes,
            topic->config.max_batch_bytes};
}

}  // namespace sedge::sim
