#include "client/admin.h"

#include <algorithm>
#include <mutex>

#include "client/connection.h"

namespace sedge {
namespace {

std::vector<std::pair<std::string_view, std::string_view>> views(const TopicConfig& config) {
    std::vector<std::pair<std::string_view, std::string_view>> out;
    for (const auto& [key, value] : config) out.emplace_back(key, value);
    return out;
}

}  // namespace

class Admin::Impl {
  public:
    Impl(ConnectOptions connect, std::uint32_t timeout_ms) : timeout_ms_(timeout_ms), connection_(std::move(connect)) {}

    template <class Answer>
    Result<Answer> ask(const RequestBody& request, bool* retried_blindly = nullptr) {
        auto reply = connection_.call_until(request, timeout_ms_, retried_blindly);
        {
            const std::lock_guard lock(mutex_);
            last_node_ = reply.node;
        }
        if (!reply.status.ok()) return std::move(reply.status);
        if (auto* answer = std::get_if<Answer>(&reply.body)) return std::move(*answer);
        return Status{ErrorCode::bad_request, "the node's answer makes no sense"};
    }

    Result<TopicInfo> ask_topic(const RequestBody& request, bool* retried_blindly = nullptr) {
        auto answer = ask<TopicResponse>(request, retried_blindly);
        if (!answer.ok()) return answer.status();
        return std::move(answer->topic);
    }

    Result<Offset> ask_offset(const ListOffsetsRequest& request) {
        const auto answer = ask<ListOffsetsResponse>(request);
        if (!answer.ok()) return answer.status();
        return answer->offset;
    }

    std::string last_node() const {
        const std::lock_guard lock(mutex_);
        return last_node_;
    }

  private:
    const std::uint32_t timeout_ms_;
    mutable std::mutex mutex_;
    std::string last_node_;
    Connection connection_;
};

Admin::Admin(ConnectOptions connect, std::uint32_t timeout_ms)
    : impl_(std::make_unique<Impl>(std::move(connect), timeout_ms)) {}
Admin::~Admin() = default;

Result<TopicInfo> Admin::create_topic(const NewTopic& topic) {
    bool retried_blindly = false;
    auto made = impl_->ask_topic(CreateTopicRequest{topic.name, topic.partitions, topic.replicas, views(topic.config)}, &retried_blindly);
    // An attempt whose answer was lost may be the one that made it.
    if (!made.ok() && made.status().code == ErrorCode::topic_exists && retried_blindly) return describe_topic(topic.name);
    return made;
}

Result<TopicInfo> Admin::alter_topic(std::string_view name, const TopicConfig& config) {
    return impl_->ask_topic(AlterTopicRequest{name, views(config)});
}

Status Admin::delete_topic(std::string_view name) {
    bool retried_blindly = false;
    const auto gone = impl_->ask<DeleteTopicResponse>(DeleteTopicRequest{name}, &retried_blindly);
    if (gone.ok() || (retried_blindly && gone.status().code == ErrorCode::unknown_topic)) return {};
    return gone.status();
}

Result<TopicInfo> Admin::describe_topic(std::string_view name) { return impl_->ask_topic(DescribeTopicRequest{name}); }

Result<std::vector<TopicInfo>> Admin::list_topics() {
    auto answer = impl_->ask<MetadataResponse>(MetadataRequest{});
    if (!answer.ok()) return answer.status();
    auto topics = std::move(answer->topics);
    std::sort(topics.begin(), topics.end(), [](const TopicInfo& a, const TopicInfo& b) { return a.name < b.name; });
    return topics;
}

Result<Offset> Admin::start_offset(std::string_view topic, PartitionIndex partition) {
    return impl_->ask_offset({topic, partition, ListOffsetsRequest::At::start, 0});
}
Result<Offset> Admin::end_offset(std::string_view topic, PartitionIndex partition) {
    return impl_->ask_offset({topic, partition, ListOffsetsRequest::At::end, 0});
}
Result<Offset> Admin::offset_at(std::string_view topic, PartitionIndex partition, std::uint64_t unix_ms) {
    return impl_->ask_offset({topic, partition, ListOffsetsRequest::At::time, unix_ms});
}

Result<ClusterInfoResponse> Admin::cluster_info() { return impl_->ask<ClusterInfoResponse>(ClusterInfoRequest{}); }
Result<ClusterHealthResponse> Admin::cluster_health() { return impl_->ask<ClusterHealthResponse>(ClusterHealthRequest{}); }
Result<HelloResponse> Admin::hello() { return impl_->ask<HelloResponse>(HelloRequest{}); }
std::string Admin::last_node() const { return impl_->last_node(); }

}  // namespace sedge
