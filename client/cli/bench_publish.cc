#include "client/cli/bench_publish.h"

#include <fmt/format.h>

#include <algorithm>

#include "client/cli/bench_limits.h"
#include "schema/record_batch.h"

namespace sedge::cli {
namespace {

constexpr std::uint64_t kRequestsPerRound = 300'000;
constexpr std::uint64_t kBatchBytesPerRound = 256ull << 20;
constexpr std::uint32_t kBatchesInFlight = 8;
// Above this a frame of its own, sent without a copy, is cheaper than a copy behind the header.
constexpr std::size_t kApartBytes = 32u << 10;
// The most that a record adds to its value in a batch.
constexpr std::size_t kRecordOverhead = 16;
// Any fixed time will do.
constexpr std::uint64_t kTimestampMs = 1'700'000'000'000;

std::string letters(std::size_t size) {
    std::string text(size, 'a');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i * 7 % 26);
    return text;
}

Buffer make_batch(std::uint32_t batch_bytes, std::uint32_t record_bytes) {
    const auto value = letters(record_bytes);
    BatchBuilder builder;
    do builder.add(kTimestampMs, std::nullopt, as_bytes(value));
    while (builder.size_bytes() + record_bytes + kRecordOverhead <= batch_bytes);
    return builder.finish();
}

std::uint32_t count_of(const Buffer& batch) { return read_batch_header(batch).value().count; }

}  // namespace

PublishPlan default_requests() {
    PublishPlan plan;
    plan.per_request = true;
    plan.record_bytes = kSmallRecordBytes;
    plan.in_flight = kManyInFlight;
    plan.requests = kRequestsPerRound;
    plan.merge = true;
    return plan;
}

PublishPlan default_batches() {
    PublishPlan plan;
    plan.record_bytes = kLargeRecordBytes;
    plan.batch_bytes = 1u << 20;
    plan.in_flight = kBatchesInFlight;
    plan.requests = kBatchBytesPerRound / plan.batch_bytes;
    return plan;
}

PublishPlan plan_publish(const BenchArguments& arguments, PublishPlan otherwise) {
    auto plan = otherwise;
    if (arguments.record_bytes != 0) plan.record_bytes = arguments.record_bytes;
    if (arguments.batch_bytes != 0) plan.batch_bytes = arguments.batch_bytes;
    if (arguments.in_flight != 0) plan.in_flight = arguments.in_flight;
    if (arguments.partitions != 0) plan.partitions = arguments.partitions;
    plan.acks = acks_from(arguments.acks);
    const std::uint64_t bytes_each = plan.per_request ? plan.record_bytes : plan.batch_bytes;
    const std::uint64_t records_each = plan.per_request ? 1 : std::max(1u, plan.batch_bytes / plan.record_bytes);
    if (arguments.size_bytes == 0 && arguments.records == 0) {
        if (!plan.per_request) plan.requests = std::max<std::uint64_t>(1, otherwise.requests * otherwise.batch_bytes / plan.batch_bytes);
        return plan;
    }
    plan.requests = UINT64_MAX;
    if (arguments.size_bytes != 0) plan.requests = arguments.size_bytes / bytes_each;
    if (arguments.records != 0) plan.requests = std::min(plan.requests, arguments.records / records_each);
    plan.requests = std::max<std::uint64_t>(1, plan.requests);
    return plan;
}

std::string in_words(const PublishPlan& plan) {
    auto text = fmt::format("publish, {} B records", plan.record_bytes);
    text += plan.per_request ? ", one request each" : fmt::format(" in client batches of {} KB", plan.batch_bytes >> 10);
    if (plan.partitions > 1) text += fmt::format(", {} partitions", plan.partitions);
    text += plan.in_flight == 1 ? ", one at a time" : fmt::format(", {} in flight", plan.in_flight);
    const char* acks = plan.acks == Acks::none ? "0" : plan.acks == Acks::leader ? "1" : "all";
    return text + fmt::format(", acks={}", acks);
}

PublishLoad::PublishLoad(const std::string& topic, const PublishPlan& plan) {
    const auto value = letters(plan.record_bytes);
    ProduceRequest request;
    request.topic = topic;
    request.acks = plan.acks;
    request.merge_answers = plan.merge;
    bytes_per_request_ = plan.record_bytes;
    if (plan.per_request) {
        request.value = as_bytes(value);
    } else {
        batch_ = make_batch(plan.batch_bytes, plan.record_bytes);
        apart_ = batch_.size() >= kApartBytes;
        records_per_request_ = count_of(batch_);
        bytes_per_request_ = batch_.size();
    }
    for (std::uint32_t i = 0; i < plan.partitions; ++i) {
        request.partition = PartitionIndex{i};
        requests_.emplace_back(request, apart_ ? ByteView{} : ByteView(batch_));
    }
}

void PublishLoad::send(zmq::socket_t& socket, std::uint64_t i) {
    auto header = requests_[i % requests_.size()].make(i);
    socket.send(header, apart_ ? zmq::send_flags::sndmore : zmq::send_flags::none);
    if (!apart_) return;
    const auto keep = [](void*, void*) {};
    socket.send(zmq::message_t(batch_.data(), batch_.size(), keep), zmq::send_flags::none);
}

Result<Answered> PublishLoad::answered(const zmq::message_t& frame) {
    static const auto kIndex = RequestBody(ProduceRequest{}).index();
    const auto response = decode_response({frame.data<std::byte>(), frame.size()}, kIndex);
    if (!response.ok()) return response.status();
    if (const auto* error = std::get_if<ErrorResponse>(&response->body)) return error->status;
    return Answered{response->correlation_id - RequestTemplate::kFirstId, std::get<ProduceResponse>(response->body).count};
}

Result<Figures> publish(BenchMesh& mesh, PublishLoad& load, const PublishPlan& plan) {
    auto figures = drive(mesh.socket(), load, plan.requests, plan.in_flight);
    if (!figures.ok()) return figures;
    figures.value().records = plan.requests * load.records_per_request();
    figures.value().bytes = plan.requests * load.bytes_per_request();
    return figures;
}

}  // namespace sedge::cli
