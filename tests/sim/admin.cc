#include "tests/sim/admin.h"

namespace sedge::sim {
namespace {

using Config = std::vector<std::pair<std::string_view, std::string_view>>;

Config draw_config(Random& random) {
    Config config;
    constexpr std::string_view kRetentions[] = {"1s", "10s", "1m", "1h", "7d"};
    if (random.one_in(2)) config.emplace_back("retention", kRetentions[random.below(5)]);
    constexpr std::string_view kSizes[] = {"4KB", "64KB", "256KB", "1MB"};
    if (random.one_in(3)) config.emplace_back("retention_bytes", kSizes[random.below(4)]);
    constexpr std::string_view kBatches[] = {"32KB", "64KB", "200KB"};
    if (random.one_in(4)) config.emplace_back("max_batch_bytes", kBatches[random.below(3)]);
    return config;
}

}  // namespace

void AdminClient::begin() {
    for (std::uint64_t i = 0; i < world_.settings.topic_names; ++i) create("t" + std::to_string(i));
    step();
}

void AdminClient::create(const std::string& topic) {
    Config config = draw_config(random_);
    if (random_.one_in(4)) config.emplace_back("durability", "os");
    CreateTopicRequest request;
    request.topic = topic;
    request.partitions = static_cast<std::uint32_t>(random_.between(random_.one_in(4) ? 1 : world_.settings.partitions, world_.settings.partitions));
    request.config = std::move(config);
    send(request);
}

void AdminClient::alter(const std::string& topic) {
    AlterTopicRequest request;
    request.topic = topic;
    request.config = draw_config(random_);
    if (request.config.empty()) request.config.emplace_back("retention", "30s");
    if (random_.one_in(8)) request.config.emplace_back("durability", random_.one_in(2) ? "os" : "fsync");
    send(request);
}

void AdminClient::step() {
    if (!world_.calm) {
        const std::string topic = any_topic();
        switch (random_.below(12)) {
            case 0:
            case 1:
            case 2: create(topic); break;
            case 3: alter(topic); break;
            case 4:
                if (random_.one_in(4)) send(DeleteTopicRequest{topic});
                break;
            case 5:
            case 6: send(DescribeTopicRequest{topic}); break;
            case 7: send(MetadataRequest{{topic}}); break;
            case 8: send(MetadataRequest{}); break;
            case 9: send(ClusterInfoRequest{}); break;
            case 10: send(ClusterHealthRequest{}); break;
            default: send(HelloRequest{}); break;
        }
    }
    after(pause_us() * 8, [this] { step(); });
}

}  // namespace sedge::sim
