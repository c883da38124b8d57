// Looking after topics and the mesh.
//
//     sedge::Admin admin({.nodes = {"edge-1:7701"}});
//     const auto topic = admin.create_topic({.name = "readings", .partitions = 4});
//     if (!topic.ok()) complain(topic.status().message);
//
// Every call waits for its answer, and repeats what may succeed later until `timeout_ms` have passed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/connect_options.h"
#include "schema/ids.h"
#include "schema/request.h"
#include "schema/response.h"
#include "schema/status.h"

namespace sedge {

// Keys: min_insync, retention, retention_bytes, cleanup, durability, max_batch_bytes.
using TopicConfig = std::vector<std::pair<std::string, std::string>>;

struct NewTopic {
    std::string name;
    std::uint32_t partitions = 1;
    std::uint32_t replicas = 1;
    TopicConfig config{};
};

// Thread-safe.
class Admin {
  public:
    explicit Admin(ConnectOptions connect = {}, std::uint32_t timeout_ms = 10'000);
    ~Admin();
    Admin(const Admin&) = delete;
    Admin& operator=(const Admin&) = delete;

    Result<TopicInfo> create_topic(const NewTopic& topic);
    Result<TopicInfo> alter_topic(std::string_view name, const TopicConfig& config);
    Status delete_topic(std::string_view name);
    // With configuration, and each partition's offsets.
    Result<TopicInfo> describe_topic(std::string_view name);
    // All topics, by name; without configuration and offsets.
    Result<std::vector<TopicInfo>> list_topics();

    Result<Offset> start_offset(std::string_view topic, PartitionIndex partition);
    Result<Offset> end_offset(std::string_view topic, PartitionIndex partition);
    // Of the first record not older than `unix_ms`; the end if all are older.
    Result<Offset> offset_at(std::string_view topic, PartitionIndex partition, std::uint64_t unix_ms);

    Result<ClusterInfoResponse> cluster_info();
    Result<ClusterHealthResponse> cluster_health();
    Result<HelloResponse> hello();

    // Who gave the last answer, "host:port"; empty if nobody did.
    std::string last_node() const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sedge
