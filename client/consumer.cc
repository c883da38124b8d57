#include "client/consumer.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <limits>
#include <mutex>
#include <utility>

#include "client/connection.h"
#include "client/partition_reader.h"

namespace sedge {
namespace {

constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
// With very many partitions each asks for less, so that all together stay near the budget.
constexpr std::uint32_t kLeastFetchBytes = 16u << 10;

// The answer to a fetch with every batch checked. What follows a bad batch is left out: its place is not known.
FetchAnswer read_answer(Reply& reply, const std::shared_ptr<const std::string>& topic, PartitionIndex partition) {
    FetchAnswer answer;
    answer.status = std::move(reply.status);
    if (const auto* refused = std::get_if<ErrorResponse>(&reply.body)) answer.next_offset = refused->next_offset;
    if (!answer.status.ok()) return answer;
    const auto* fetched = std::get_if<FetchResponse>(&reply.body);
    if (fetched == nullptr) {
        answer.status = {ErrorCode::corrupt_batch, "the node's answer makes no sense"};
        return answer;
    }
    answer.start = fetched->start;
    answer.end = fetched->end;
    for (const auto& frame : reply.frames) {
        for (std::size_t at = 0; at < frame.size();) {
            const auto header = check_appended_batch(frame.view().subspan(at));
            if (!header.ok()) {
                answer.status = header.status();
                answer.status.code = ErrorCode::corrupt_batch;
                return answer;
            }
            answer.batches.push_back({topic, partition, *header, frame.part(at, header->size_bytes), Offset{}});
            at += header->size_bytes;
        }
    }
    return answer;
}

}  // namespace

// Two threads meet here, all under `mutex_`: the connection's thread fetches and checks, the application's takes.
class Consumer::Impl final : public Connection::Worker {
  public:
    Impl(ConnectOptions connect, ConsumerOptions options) : options_(options), connection_(std::move(connect), this) {}

    Status assign(const std::vector<Assignment>& assignments, std::uint32_t timeout_ms);
    Status assign_topic(std::string_view topic, StartAt start, std::uint32_t timeout_ms);
    Batches poll_batches(std::uint32_t timeout_ms);
    bool has_more() const;
    std::optional<Offset> position(std::string_view topic, PartitionIndex partition) const;
    Trouble trouble() const;
    std::uint64_t work(std::uint64_t now_ms) override;

  private:
    struct Partition {
        std::shared_ptr<const std::string> topic;
        PartitionIndex index;
        PartitionReader reader;
        Offset position;       // what poll() returns next
        bool dropped = false;  // another assignment took its place
    };
    using PartitionPtr = std::shared_ptr<Partition>;
    // Fetched, not yet taken.
    struct Ready {
        PartitionPtr partition;
        PartitionReader::Output output;
        Offset end;
        std::size_t bytes = 0;
    };

    Result<Offset> resolve(const Assignment& assignment, std::uint64_t deadline_ms);
    Result<Offset> list_offset(const Assignment& assignment, ListOffsetsRequest::At at, std::uint64_t time, std::uint64_t deadline_ms);
    void fetch(const PartitionPtr& partition, const PartitionReader::Fetch& fetch);
    void on_answer(const PartitionPtr& partition, std::uint64_t id, Reply& reply);
    std::uint32_t fetch_bytes() const;

    const ConsumerOptions options_;
    mutable std::mutex mutex_;
    std::condition_variable arrived_;
    std::vector<PartitionPtr> partitions_;
    std::deque<Ready> ready_;
    std::size_t ready_bytes_ = 0;
    bool look_ = false;               // a partition may have something to fetch
    std::uint64_t look_at_ms_ = kNever;
    std::size_t first_ = 0;           // the partition to begin with: each gets its turn when memory is short
    Status trouble_;
    std::uint64_t trouble_since_ms_ = 0;
    Connection connection_;           // last: its thread uses all of the above
};

Status Consumer::Impl::assign(const std::vector<Assignment>& assignments, std::uint32_t timeout_ms) {
    const auto deadline = Connection::now_ms() + timeout_ms;
    std::vector<PartitionPtr> partitions;
    std::shared_ptr<const std::string> topic;  // shared by neighbours
    for (const auto& assignment : assignments) {
        const auto start = resolve(assignment, deadline);
        if (!start.ok()) return start.status();
        if (!topic || *topic != assignment.topic) topic = std::make_shared<const std::string>(assignment.topic);
        partitions.push_back(std::make_shared<Partition>(
            Partition{topic, assignment.partition, PartitionReader(*start), *start, false}));
    }
    {
        const std::lock_guard lock(mutex_);
        for (const auto& partition : partitions_) partition->dropped = true;
        partitions_ = std::move(partitions);
        ready_.clear();
        ready_bytes_ = 0;
        first_ = 0;
        trouble_ = {};
        look_ = true;
    }
    connection_.wake();
    return {};
}

Status Consumer::Impl::assign_topic(std::string_view topic, StartAt start, std::uint32_t timeout_ms) {
    const auto reply = connection_.call_until(DescribeTopicRequest{topic}, timeout_ms);
    if (!reply.status.ok()) return reply.status;
    const auto* answer = std::get_if<TopicResponse>(&reply.body);
    if (answer == nullptr) return {ErrorCode::bad_request, "the node's description of the topic makes no sense"};
    std::vector<Assignment> assignments;
    for (const auto& partition : answer->topic.partitions) assignments.push_back({std::string(topic), partition.partition, start});
    return assign(assignments, timeout_ms);
}

Result<Offset> Consumer::Impl::resolve(const Assignment& assignment, std::uint64_t deadline_ms) {
    using At = ListOffsetsRequest::At;
    switch (assignment.start.kind) {
        case StartAt::Kind::beginning: return list_offset(assignment, At::start, 0, deadline_ms);
        case StartAt::Kind::end: return list_offset(assignment, At::end, 0, deadline_ms);
        case StartAt::Kind::time: return list_offset(assignment, At::time, assignment.start.value, deadline_ms);
        case StartAt::Kind::offset: return Offset{assignment.start.value};
        case StartAt::Kind::before_end: break;
    }
    auto start = list_offset(assignment, At::start, 0, deadline_ms);
    if (!start.ok()) return start;
    const auto end = list_offset(assignment, At::end, 0, deadline_ms);
    if (!end.ok()) return end;
    const auto there = *end >= *start ? *end - *start : 0;
    return *end >= *start ? Offset{end->value - std::min(there, assignment.start.value)} : *start;
}

Result<Offset> Consumer::Impl::list_offset(const Assignment& assignment, ListOffsetsRequest::At at, std::uint64_t time,
                                           std::uint64_t deadline_ms) {
    const auto now = Connection::now_ms();
    const auto left = deadline_ms > now ? static_cast<std::uint32_t>(deadline_ms - now) : 1u;
    const auto reply = connection_.call_until(ListOffsetsRequest{assignment.topic, assignment.partition, at, time}, left);
    if (!reply.status.ok()) return reply.status;
    if (const auto* answer = std::get_if<ListOffsetsResponse>(&reply.body)) return answer->offset;
    return Status{ErrorCode::bad_request, "the node's answer makes no sense"};
}

std::uint32_t Consumer::Impl::fetch_bytes() const {
    const auto share = options_.buffer_bytes / (2 * std::max<std::size_t>(partitions_.size(), 1));
    return static_cast<std::uint32_t>(
        std::clamp<std::size_t>(share, std::min(kLeastFetchBytes, options_.fetch_bytes), options_.fetch_bytes));
}

std::uint64_t Consumer::Impl::work(std::uint64_t now_ms) {
    const std::lock_guard lock(mutex_);
    if (!look_ && now_ms < look_at_ms_) return look_at_ms_;
    look_ = false;
    look_at_ms_ = kNever;
    if (partitions_.empty()) return kNever;
    const auto count = partitions_.size();
    for (std::size_t i = 0; i < count; ++i) {
        if (ready_bytes_ >= options_.buffer_bytes) {
            first_ = (first_ + i) % count;
            return kNever;  // poll() looks again
        }
        const auto& partition = partitions_[(first_ + i) % count];
        while (const auto next = partition->reader.next_fetch(now_ms)) fetch(partition, *next);
        look_at_ms_ = std::min(look_at_ms_, partition->reader.resumes_ms());
    }
    return look_at_ms_;
}

void Consumer::Impl::fetch(const PartitionPtr& partition, const PartitionReader::Fetch& fetch) {
    FetchRequest request;
    request.topic = *partition->topic;
    request.partition = partition->index;
    request.offset = fetch.offset;
    request.max_bytes = fetch_bytes();
    request.max_wait_ms = std::min(options_.max_wait_ms, limits::kMaxFetchWaitMs);
    connection_.send(request, {}, request.max_wait_ms + connection_.options().request_timeout_ms,
                     [this, partition, id = fetch.id](Reply& reply) { on_answer(partition, id, reply); });
}

void Consumer::Impl::on_answer(const PartitionPtr& partition, std::uint64_t id, Reply& reply) {
    auto answer = read_answer(reply, partition->topic, partition->index);  // checksums, outside the lock
    const auto now = Connection::now_ms();
    const std::lock_guard lock(mutex_);
    if (partition->dropped) return;
    if (answer.status.ok()) {
        trouble_ = {};
    } else if (trouble_.ok()) {
        trouble_ = answer.status;
        trouble_since_ms_ = now;
    }
    Ready ready;
    partition->reader.on_answer(now, id, std::move(answer), ready.output);
    look_ = true;
    if (ready.output.batches.empty() && ready.output.problems.empty()) return;
    for (const auto& batch : ready.output.batches) ready.bytes += batch.bytes.size();
    ready.partition = partition;
    ready.end = partition->reader.next_offset();
    ready_bytes_ += ready.bytes;
    ready_.push_back(std::move(ready));
    arrived_.notify_all();
}

Batches Consumer::Impl::poll_batches(std::uint32_t timeout_ms) {
    std::unique_lock lock(mutex_);
    if (!arrived_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [this] { return !ready_.empty(); })) return {};
    auto ready = std::move(ready_.front());
    ready_.pop_front();
    const bool was_full = ready_bytes_ >= options_.buffer_bytes;
    ready_bytes_ -= ready.bytes;
    ready.partition->position = ready.end;
    if (was_full) look_ = true;
    lock.unlock();
    if (was_full) connection_.wake();
    for (auto& problem : ready.output.problems) {
        problem.topic = *ready.partition->topic;
        problem.partition = ready.partition->index;
    }
    return {std::move(ready.output.batches), std::move(ready.output.problems)};
}

bool Consumer::Impl::has_more() const {
    const std::lock_guard lock(mutex_);
    return !ready_.empty();
}

std::optional<Offset> Consumer::Impl::position(std::string_view topic, PartitionIndex index) const {
    const std::lock_guard lock(mutex_);
    for (const auto& partition : partitions_)
        if (partition->index == index && *partition->topic == topic) return partition->position;
    return std::nullopt;
}

Consumer::Trouble Consumer::Impl::trouble() const {
    const std::lock_guard lock(mutex_);
    return {trouble_, trouble_.ok() ? 0 : Connection::now_ms() - trouble_since_ms_};
}

Consumer::Consumer(ConnectOptions connect, ConsumerOptions options)
    : impl_(std::make_unique<Impl>(std::move(connect), options)) {}
Consumer::~Consumer() = default;

Status Consumer::assign(const std::vector<Assignment>& assignments, std::uint32_t timeout_ms) {
    return impl_->assign(assignments, timeout_ms);
}
Status Consumer::assign_topic(std::string_view topic, StartAt start, std::uint32_t timeout_ms) {
    return impl_->assign_topic(topic, start, timeout_ms);
}
Batches Consumer::poll_batches(std::uint32_t timeout_ms) { return impl_->poll_batches(timeout_ms); }
bool Consumer::has_more() const { return impl_->has_more(); }
std::optional<Offset> Consumer::position(std::string_view topic, PartitionIndex partition) const {
    return impl_->position(topic, partition);
}
Consumer::Trouble Consumer::trouble() const { return impl_->trouble(); }

Records Consumer::poll(std::uint32_t timeout_ms) {
    auto fetched = poll_batches(timeout_ms);
    Records records;
    records.problems_ = std::move(fetched.problems);
    records.batches_ = std::move(fetched.batches);
    std::size_t count = 0;
    for (const auto& batch : records.batches_) count += batch.header.count;
    records.records_.reserve(std::min<std::size_t>(count, limits::kMaxRecordsPerBatch));
    for (const auto& batch : records.batches_) {
        Buffer scratch;
        auto body = batch_body(batch.header, batch.bytes.view(), scratch);
        auto status = body.ok() ? Status{} : body.status();
        ByteView bytes;
        if (body.ok()) {
            bytes = *body;
            if (!scratch.empty()) {
                records.decompressed_.push_back(SharedBytes::take(std::move(scratch)));
                bytes = records.decompressed_.back().view();
            }
        }
        MsgpackReader reader(bytes);
        ConsumerRecord record;
        record.topic = *batch.topic;
        record.partition = batch.partition;
        for (std::uint32_t i = 0; status.ok() && i < batch.header.count; ++i) {
            record.offset = batch.header.base_offset + i;
            if (!read_record(reader, batch.header.base_timestamp_ms, record))
                status = {ErrorCode::corrupt_batch, "record " + std::to_string(i) + " of the batch is malformed"};
            else if (record.offset >= batch.from)
                records.records_.push_back(record);
        }
        if (status.ok()) continue;
        const auto from = std::max(record.offset, batch.from);
        records.problems_.push_back({status, *batch.topic, batch.partition, from, batch.header.end_offset(), false});
    }
    return records;
}

}  // namespace sedge
