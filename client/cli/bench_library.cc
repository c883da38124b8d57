#include "client/cli/bench_library.h"

#include <algorithm>

#include "client/consumer.h"
#include "client/producer.h"

namespace sedge::cli {
namespace {

constexpr std::uint32_t kFlushWithinMs = 120'000;
constexpr std::uint32_t kPollMs = 10'000;

std::uint64_t records_of(const PublishPlan& plan) {
    return plan.per_request ? plan.requests : plan.requests * std::max(1u, plan.batch_bytes / plan.record_bytes);
}

// What the producer's callback counts. It runs on one thread at a time, and flush() comes after all of it.
struct Deliveries {
    Latencies latencies;
    Status failure;

    void take(const Delivery& delivery) {
        if (!delivery.status.ok()) failure = delivery.status;
        latencies.add(clock_ns() - delivery.tag);
    }
};

}  // namespace

Result<Figures> publish_by_library(const Context& context, const std::string& topic, const PublishPlan& plan) {
    ProducerOptions options;
    options.acks = plan.acks;
    if (plan.per_request)
        options.linger_ms = 0;
    else
        options.batch_bytes = plan.batch_bytes;
    Deliveries deliveries;  // outlives the producer, which calls into it
    const std::string value(plan.record_bytes, 'v');
    const auto records = records_of(plan);
    deliveries.latencies.reserve(records);
    Producer producer(context.connect_options(), options);
    ProducerRecord record;
    record.topic = topic;
    record.value = as_bytes(value);
    const auto start = clock_ns();
    for (std::uint64_t i = 0; i < records; ++i) {
        record.partition = PartitionIndex{static_cast<std::uint32_t>(i % plan.partitions)};
        record.tag = clock_ns();
        auto status = producer.send(record, [&deliveries](const Delivery& delivery) { deliveries.take(delivery); });
        if (!status.ok()) return status;
    }
    auto status = producer.flush(kFlushWithinMs);
    if (!status.ok()) return status;
    Figures figures;
    figures.seconds = static_cast<double>(clock_ns() - start) / kNsPerSecond;
    if (!deliveries.failure.ok()) return deliveries.failure;
    figures.records = records;
    figures.bytes = records * plan.record_bytes;
    deliveries.latencies.summarise(figures);
    return figures;
}

Result<Figures> consume_by_library(const Context& context, const std::string& topic, std::uint64_t records) {
    ConsumerOptions options;
    options.fetch_bytes = limits::kMaxFetchBytes;
    Consumer consumer(context.connect_options(), options);
    const auto start = clock_ns();
    auto status = consumer.assign_topic(topic, StartAt::beginning());
    if (!status.ok()) return status;
    Figures figures;
    while (figures.records < records) {
        const auto got = consumer.poll(kPollMs);
        if (!got.problems().empty()) return got.problems().front().status;
        if (got.empty()) return Status{ErrorCode::timed_out, "nothing more to read"};
        for (const auto& record : got) figures.bytes += record.value ? record.value->size() : 0;
        figures.records += got.size();
    }
    figures.seconds = static_cast<double>(clock_ns() - start) / kNsPerSecond;
    return figures;
}

}  // namespace sedge::cli
