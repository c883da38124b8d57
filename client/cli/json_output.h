// JSON that `sedge --json` prints. All of it in one file, so that nlohmann's header is read once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "client/consumer.h"
#include "client/producer.h"
#include "schema/response.h"

namespace sedge::cli {

// One document each, with its newline.
std::string json_of(const std::vector<TopicInfo>& topics);
std::string json_of(const TopicInfo& topic);
std::string json_of(const ClusterInfoResponse& cluster);
std::string json_of(const ClusterHealthResponse& health);
std::string json_of_deleted(std::string_view topic);
// One line each, appended.
void append_json(const ConsumerRecord& record, std::string& out);
void append_json(const Delivery& delivery, std::string& out);

}  // namespace sedge::cli
