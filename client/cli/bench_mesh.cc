#include "client/cli/bench_mesh.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>

namespace sedge::cli {
namespace {

constexpr std::string_view kScheme = "tcp://";

std::string endpoint_of(const Context& context) {
    const auto& node = context.nodes.front();
    return node.starts_with(kScheme) ? node : std::string(kScheme) + node;
}

Result<ResponseBody> read_answer(const zmq::message_t& frame, std::size_t request_index) {
    auto response = decode_response({frame.data<std::byte>(), frame.size()}, request_index);
    if (!response.ok()) return response.status();
    if (const auto* error = std::get_if<ErrorResponse>(&response->body)) return error->status;
    return std::move(response.value().body);
}

}  // namespace

BenchMesh::BenchMesh(const Context& context)
    : endpoint_(endpoint_of(context)), timeout_ms_(context.timeout_ms), socket_(make_dealer(zmq_, endpoint_)) {}

Result<ResponseBody> BenchMesh::call(const RequestBody& request) {
    Buffer header;
    const auto id = ++next_id_;
    encode_request(id, request, header);
    socket_.send(zmq::buffer(header), zmq::send_flags::none);
    zmq::pollitem_t item{socket_.handle(), 0, ZMQ_POLLIN, 0};
    while (zmq::poll(&item, 1, std::chrono::milliseconds(timeout_ms_)) > 0) {
        zmq::message_t frame, more;
        (void)socket_.recv(frame);
        for (bool another = frame.more(); another; another = more.more()) (void)socket_.recv(more);
        if (response_correlation_id({frame.data<std::byte>(), frame.size()}) == id) return read_answer(frame, request.index());
    }
    return Status{ErrorCode::unreachable, "no answer to " + std::string(api_name(request)) + " from " + endpoint_};
}

namespace {

constexpr auto kInSyncWithin = std::chrono::seconds(30);
constexpr auto kAskAgainAfter = std::chrono::milliseconds(20);

bool wait_in_sync(BenchMesh& mesh, const std::string& topic, std::uint32_t replicas) {
    for (const auto deadline = std::chrono::steady_clock::now() + kInSyncWithin; std::chrono::steady_clock::now() < deadline;) {
        const auto answer = mesh.call(DescribeTopicRequest{topic});
        if (!answer.ok()) return false;
        const auto& partitions = std::get<TopicResponse>(*answer).topic.partitions;
        if (std::all_of(partitions.begin(), partitions.end(), [&](const auto& each) { return each.isr.size() == replicas; })) return true;
        std::this_thread::sleep_for(kAskAgainAfter);
    }
    return false;
}

}  // namespace

Result<BenchTopic> BenchTopic::create(BenchMesh& mesh, const std::string& name, std::uint32_t partitions,
                                      const std::string& durability, std::uint32_t replicas) {
    const bool own = name.empty();
    const auto topic = own ? fmt::format("bench-{:08x}", std::random_device{}()) : name;
    CreateTopicRequest request;
    request.topic = topic;
    request.partitions = partitions;
    request.replicas = replicas;
    request.config = {{"durability", durability}};
    const auto answer = mesh.call(request);
    const bool exists = !answer.ok() && answer.status().code == ErrorCode::topic_exists;
    if (!answer.ok() && (own || !exists)) return answer.status();
    if (replicas > 1 && !wait_in_sync(mesh, topic, replicas)) return Status{ErrorCode::timed_out, "the replicas of " + topic + " do not get in sync"};
    return BenchTopic(mesh, topic, own);
}

BenchTopic::~BenchTopic() {
    if (!own_) return;
    DeleteTopicRequest request;
    request.topic = name_;
    (void)mesh_.call(request);
}

Acks acks_from(const std::string& text) { return text == "0" ? Acks::none : text == "1" ? Acks::leader : Acks::all; }

}  // namespace sedge::cli
