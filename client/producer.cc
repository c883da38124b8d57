#include "client/producer.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <limits>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>

#include "client/connection.h"
#include "client/partition_sender.h"
#include "schema/limits.h"

namespace sedge {
namespace {

constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
// What a record costs in the buffer beside its bytes: framing, and its report.
constexpr std::size_t kRecordOverheadBytes = 64;
// Room in a batch for a record's framing: array, timestamp delta, lengths.
constexpr std::size_t kRecordFramingBytes = 32;

std::uint64_t unix_now_ms() {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(since).count());
}

ProducerId random_producer_id() {
    std::random_device device;
    for (;;) {
        const auto id = (std::uint64_t{device()} << 32) | device();
        if (id != 0) return ProducerId{id};
    }
}

std::size_t payload_bytes(const ProducerRecord& record) {
    std::size_t bytes = (record.key ? record.key->size() : 0) + (record.value ? record.value->size() : 0);
    for (const auto& header : record.headers) bytes += header.name.size() + header.value.size() + kRecordFramingBytes;
    return bytes;
}

// "1MB", "512KB" or plain bytes, as nodes write sizes; nullopt if it is something else.
std::optional<std::size_t> parse_size_bytes(std::string_view text) {
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || value > limits::kMaxBatchBytes) return std::nullopt;
    const auto unit = text.substr(static_cast<std::size_t>(end - text.data()));
    if (unit.empty() || unit == "B") return value;
    if (unit == "KB") return value << 10;
    if (unit == "MB") return value << 20;
    return std::nullopt;
}

std::size_t max_batch_bytes_of(const TopicInfo& topic) {
    for (const auto& [key, value] : topic.config)
        if (key == "max_batch_bytes")
            return std::clamp(parse_size_bytes(value).value_or(limits::kDefaultBatchBytes), limits::kMinBatchBytes, limits::kMaxBatchBytes);
    return limits::kDefaultBatchBytes;
}

}  // namespace

// Not without answers: a refusal would go unnoticed, and everything behind it be refused for the gap.
bool is_idempotent(const ProducerOptions& options) { return options.idempotent && options.acks != Acks::none; }

// Two threads meet here. Under `mutex_`: topics, the batches that are filling or wait, the buffer, the counters. On the connection's
// thread only, without the lock: the senders, which number, transmit and settle batches.
class Producer::Impl final : public Connection::Worker {
  public:
    Impl(ConnectOptions connect, ProducerOptions options)
        : options_(std::move(options)),
          producer_id_(is_idempotent(options_) ? random_producer_id() : ProducerId{}),
          partitioner_(options_.partitioner ? options_.partitioner : make_key_hash_partitioner()),
          connection_(std::move(connect), this) {}
    ~Impl() override { abandon(); }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    Status send(const ProducerRecord& record, DeliveryCallback done);
    void push();
    Status flush(std::uint32_t timeout_ms);
    void abandon();
    ProducerStats stats() const;
    std::uint64_t work(std::uint64_t now_ms) override;

  private:
    struct Partition {
        std::string_view topic;
        PartitionIndex index;
        std::unique_ptr<OutgoingBatch> filling;               // under the lock
        std::size_t last_bytes = 0, last_count = 0;           // of the batch before it: the next one will be about as large
        std::deque<std::unique_ptr<OutgoingBatch>> complete;  // under the lock
        bool listed = false;                                  // in active_, under the lock
        std::unique_ptr<PartitionSender> sender;              // the connection's thread's
    };
    struct Topic {
        std::string name;
        std::size_t batch_bytes = 0;
        std::size_t max_record_bytes = 0;
        std::uint32_t partition_count = 0;
        bool stale = false;  // look it up again before the next record
        std::vector<std::unique_ptr<Partition>> partitions;
    };
    using Lock = std::unique_lock<std::mutex>;

    bool on_own_thread() const { return own_thread_.load(std::memory_order_relaxed) == std::this_thread::get_id(); }
    Result<Topic*> find_topic(Lock& lock, std::string_view name);
    Status look_up(Lock& lock, const std::string& name);
    std::unique_ptr<Partition> make_partition(const Topic& topic, std::uint32_t index);
    Status wait_for_room(Lock& lock, std::size_t bytes);
    bool append(Topic& topic, Partition& partition, const ProducerRecord& record, std::size_t bytes, DeliveryCallback done);
    std::unique_ptr<OutgoingBatch> close_filling(Partition& partition);
    void list(Partition& partition);
    std::unique_ptr<OutgoingBatch> take_ready(Partition& partition, std::uint64_t now_ms, std::uint64_t& next_ms);
    std::uint64_t work_on(Partition& partition, std::uint64_t now_ms);
    void transmit(Partition& partition, const OutgoingBatch& batch, std::uint64_t attempt);
    void transmit_unanswered(Partition& partition, const ProduceRequest& request, const OutgoingBatch& batch, std::uint64_t attempt);
    void deliver(const Partition& partition, OutgoingBatch& batch, const Status& status, const ProduceResponse* stored);
    void give_up_overdue(Partition& partition, std::uint64_t now_ms);
    void abandon_all();

    const ProducerOptions options_;
    const ProducerId producer_id_;
    const std::shared_ptr<Partitioner> partitioner_;

    mutable std::mutex mutex_;
    std::condition_variable changed_;  // records were reported, or room was made
    std::unordered_map<std::string, Topic> topics_;
    std::vector<Partition*> active_;   // partitions with anything to do
    ProducerStats stats_;
    std::uint64_t reported_ = 0;
    std::uint64_t pushed_until_ = 0;   // batches begun before this time leave at once
    bool abandoning_ = false;

    std::vector<Partition*> working_;  // the connection's thread's copy of active_
    std::atomic<std::thread::id> own_thread_{};
    Connection connection_;            // last: its thread uses all of the above
};

Status Producer::Impl::send(const ProducerRecord& record, DeliveryCallback done) {
    Lock lock(mutex_);
    const auto topic = find_topic(lock, record.topic);
    if (!topic.ok()) return topic.status();
    const auto payload = payload_bytes(record);
    if (payload > (*topic)->max_record_bytes)
        return {ErrorCode::record_too_large, "a record of " + std::to_string(payload) + " bytes; topic " + (*topic)->name + " takes up to " +
                                                 std::to_string((*topic)->max_record_bytes)};
    if (record.headers.size() > limits::kMaxRecordHeaders)
        return {ErrorCode::record_too_large, "more than " + std::to_string(limits::kMaxRecordHeaders) + " headers"};
    if (record.partition && record.partition->value >= (*topic)->partition_count)
        return {ErrorCode::unknown_partition, "partition " + std::to_string(record.partition->value) + " of topic " + (*topic)->name +
                                                  ", which has " + std::to_string((*topic)->partition_count)};
    const auto bytes = payload + kRecordOverheadBytes;
    if (auto status = wait_for_room(lock, bytes); !status.ok()) return status;
    const auto index = record.partition ? *record.partition : partitioner_->choose((*topic)->name, record.key, (*topic)->partition_count);
    if (index.value >= (*topic)->partition_count)
        return {ErrorCode::unknown_partition, "the partitioner chose " + std::to_string(index.value)};
    const bool wake = append(**topic, *(*topic)->partitions[index.value], record, bytes, std::move(done));
    lock.unlock();
    if (wake) connection_.wake();
    return {};
}

Result<Producer::Impl::Topic*> Producer::Impl::find_topic(Lock& lock, std::string_view name) {
    // Reused: most records go to the same topic as the one before, and then nothing is allocated.
    thread_local std::string key;
    key.assign(name);
    auto found = topics_.find(key);
    if (found == topics_.end() || found->second.stale) {
        if (auto status = look_up(lock, key); !status.ok()) return status;
        found = topics_.find(key);
    }
    return &found->second;
}

// Learns a topic's partitions from the mesh. Releases the lock meanwhile.
Status Producer::Impl::look_up(Lock& lock, const std::string& name) {
    if (on_own_thread()) return {ErrorCode::busy, "the topic " + name + " is not known yet, and a callback must not wait for it"};
    if (auto status = check_topic_name(name); !status.ok()) return status;
    lock.unlock();
    const auto reply = connection_.call_until(DescribeTopicRequest{name}, connection_.options().request_timeout_ms);
    lock.lock();
    if (!reply.status.ok()) return reply.status;
    const auto* answer = std::get_if<TopicResponse>(&reply.body);
    if (answer == nullptr || answer->topic.partitions.empty())
        return {ErrorCode::bad_request, "the node's description of topic " + name + " makes no sense"};
    auto& topic = topics_[name];
    topic.name = name;
    const auto most = max_batch_bytes_of(answer->topic);
    topic.batch_bytes = std::min(options_.batch_bytes, most);
    topic.max_record_bytes = most - kBatchHeaderBytes - kRecordFramingBytes;
    topic.partition_count = static_cast<std::uint32_t>(answer->topic.partitions.size());
    topic.stale = false;
    while (topic.partitions.size() < topic.partition_count)
        topic.partitions.push_back(make_partition(topic, static_cast<std::uint32_t>(topic.partitions.size())));
    return {};
}

std::unique_ptr<Producer::Impl::Partition> Producer::Impl::make_partition(const Topic& topic, std::uint32_t index) {
    auto partition = std::make_unique<Partition>();
    partition->topic = topic.name;  // an unordered_map does not move its elements
    partition->index = PartitionIndex{index};
    PartitionSender::Options options;
    options.producer_id = producer_id_;
    options.max_in_flight = std::clamp<std::size_t>(options_.batches_in_flight, 1, limits::kBatchesInFlight);
    auto* self = partition.get();
    partition->sender = std::make_unique<PartitionSender>(
        options, [this, self](const OutgoingBatch& batch, std::uint64_t attempt) { transmit(*self, batch, attempt); },
        [this, self](OutgoingBatch& batch, const Status& status, const ProduceResponse* stored) {
            deliver(*self, batch, status, stored);
        });
    return partition;
}

Status Producer::Impl::wait_for_room(Lock& lock, std::size_t bytes) {
    const auto fits = [this, bytes] {
        return abandoning_ || stats_.buffered_bytes == 0 || stats_.buffered_bytes + bytes <= options_.buffer_bytes;
    };
    if (fits()) return {};
    if (options_.when_full == ProducerOptions::WhenFull::refuse || on_own_thread())
        return {ErrorCode::busy, "the producer's buffer of " + std::to_string(options_.buffer_bytes) + " bytes is full"};
    // Nothing that waits here may wait for its linger: it would make the waiting longer.
    pushed_until_ = kNever;
    lock.unlock();
    connection_.wake();
    lock.lock();
    const auto limit = std::chrono::milliseconds(options_.delivery_timeout_ms);
    if (!changed_.wait_for(lock, limit, fits)) return {ErrorCode::timed_out, "the producer's buffer stayed full"};
    if (abandoning_) return {ErrorCode::shutting_down, "the producer is being closed"};
    return {};
}

// Adds the record to the batch that fills. True if the connection's thread should look.
bool Producer::Impl::append(Topic& topic, Partition& partition, const ProducerRecord& record, std::size_t bytes, DeliveryCallback done) {
    bool wake = false;
    if (partition.filling && partition.filling->builder.size_bytes() + bytes > topic.batch_bytes) {
        partition.complete.push_back(close_filling(partition));
        wake = true;
    }
    if (!partition.filling) {
        const auto now = Connection::now_ms();
        partition.filling = std::make_unique<OutgoingBatch>(options_.codec);
        partition.filling->builder.reserve(std::min(topic.batch_bytes, partition.last_bytes + partition.last_bytes / 8));
        partition.filling->reports.reserve(partition.last_count);
        partition.filling->leaves_ms = now + options_.linger_ms;
        partition.filling->deadline_ms = now + options_.delivery_timeout_ms;
        wake = true;
    }
    auto& batch = *partition.filling;
    batch.builder.add(record.timestamp_ms ? *record.timestamp_ms : unix_now_ms(), record.key, record.value, record.headers);
    batch.reports.push_back({record.tag, std::move(done)});
    batch.budget_bytes += bytes;
    stats_.buffered_bytes += bytes;
    ++stats_.accepted;
    if (batch.builder.size_bytes() >= topic.batch_bytes || batch.count() >= limits::kMaxRecordsPerBatch) {
        partition.complete.push_back(close_filling(partition));
        wake = true;
    }
    list(partition);
    return wake;
}

std::unique_ptr<OutgoingBatch> Producer::Impl::close_filling(Partition& partition) {
    auto batch = std::move(partition.filling);
    partition.last_bytes = batch->builder.size_bytes();
    partition.last_count = batch->count();
    partitioner_->batch_closed(partition.topic, partition.index);
    return batch;
}

void Producer::Impl::list(Partition& partition) {
    if (partition.listed) return;
    partition.listed = true;
    active_.push_back(&partition);
}

void Producer::Impl::push() {
    {
        const Lock lock(mutex_);
        pushed_until_ = Connection::now_ms() + options_.linger_ms;
    }
    connection_.wake();
}

Status Producer::Impl::flush(std::uint32_t timeout_ms) {
    if (on_own_thread()) return {ErrorCode::busy, "a callback must not wait"};
    push();
    Lock lock(mutex_);
    const auto done = [this] { return reported_ == stats_.accepted; };
    if (changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms), done)) return {};
    return {ErrorCode::timed_out, std::to_string(stats_.accepted - reported_) + " records are not acknowledged yet"};
}

void Producer::Impl::abandon() {
    if (on_own_thread()) return;
    Lock lock(mutex_);
    abandoning_ = true;
    changed_.notify_all();
    lock.unlock();
    connection_.wake();
    lock.lock();
    changed_.wait(lock, [this] { return !abandoning_; });
}

ProducerStats Producer::Impl::stats() const {
    const Lock lock(mutex_);
    return stats_;
}

std::uint64_t Producer::Impl::work(std::uint64_t now_ms) {
    own_thread_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    bool abandon = false;
    {
        const Lock lock(mutex_);
        working_ = active_;
        abandon = abandoning_;
    }
    if (abandon) {
        abandon_all();
        return kNever;
    }
    auto next = kNever;
    for (auto* partition : working_) next = std::min(next, work_on(*partition, now_ms));
    const Lock lock(mutex_);
    if (!working_.empty()) {
        std::erase_if(active_, [](Partition* partition) {
            const bool idle = !partition->filling && partition->complete.empty() && partition->sender->idle();
            partition->listed = !idle;
            return idle;
        });
    }
    if (pushed_until_ == kNever) pushed_until_ = now_ms;
    return next;
}

std::uint64_t Producer::Impl::work_on(Partition& partition, std::uint64_t now_ms) {
    auto next = partition.sender->work(now_ms);
    while (partition.sender->has_room()) {
        auto batch = take_ready(partition, now_ms, next);
        if (!batch) return next;
        partition.sender->send(std::move(batch));
    }
    give_up_overdue(partition, now_ms);
    return next;
}

// The next batch that should leave now, if there is one.
std::unique_ptr<OutgoingBatch> Producer::Impl::take_ready(Partition& partition, std::uint64_t now_ms, std::uint64_t& next_ms) {
    const Lock lock(mutex_);
    if (partition.complete.empty()) {
        if (!partition.filling) return nullptr;
        const auto leaves = partition.filling->leaves_ms;
        if (now_ms < leaves && leaves > pushed_until_) {
            next_ms = std::min(next_ms, leaves);
            return nullptr;
        }
        return close_filling(partition);
    }
    auto batch = std::move(partition.complete.front());
    partition.complete.pop_front();
    return batch;
}

// Batches that never got away for as long as they may wait.
void Producer::Impl::give_up_overdue(Partition& partition, std::uint64_t now_ms) {
    std::vector<std::unique_ptr<OutgoingBatch>> overdue;
    {
        const Lock lock(mutex_);
        while (!partition.complete.empty() && now_ms >= partition.complete.front()->deadline_ms) {
            overdue.push_back(std::move(partition.complete.front()));
            partition.complete.pop_front();
        }
        if (partition.filling && partition.complete.empty() && now_ms >= partition.filling->deadline_ms)
            overdue.push_back(std::move(partition.filling));
    }
    for (auto& batch : overdue) deliver(partition, *batch, {ErrorCode::timed_out, "could not be sent in time"}, nullptr);
}

void Producer::Impl::transmit(Partition& partition, const OutgoingBatch& batch, std::uint64_t attempt) {
    {
        const Lock lock(mutex_);
        ++stats_.batches_sent;
        if (batch.attempts > 1) ++stats_.batches_retried;
    }
    ProduceRequest request;
    request.topic = partition.topic;
    request.partition = partition.index;
    request.acks = options_.acks;
    if (options_.acks == Acks::none) {
        transmit_unanswered(partition, request, batch, attempt);
        return;
    }
    connection_.send(request, batch.bytes, 0, [&partition, attempt](Reply& reply) {
        const auto* stored = std::get_if<ProduceResponse>(&reply.body);
        auto status = std::move(reply.status);
        if (status.ok() && stored == nullptr) status = {ErrorCode::bad_request, "the node's answer makes no sense"};
        partition.sender->on_answer(Connection::now_ms(), attempt, status, reply.maybe_done || status.code == ErrorCode::timed_out, stored);
    });
}

// The node says nothing to the batch, but it reads in order: when it answers what was asked behind it, it has read the batch, too.
void Producer::Impl::transmit_unanswered(Partition& partition, const ProduceRequest& request, const OutgoingBatch& batch,
                                         std::uint64_t attempt) {
    connection_.send(request, batch.bytes, 0, {});
    connection_.send(HelloRequest{}, {}, 0, [&partition, attempt](Reply& reply) {
        ProduceResponse read;
        read.partition = partition.index;
        partition.sender->on_answer(Connection::now_ms(), attempt, reply.status,
                                    reply.maybe_done || reply.status.code == ErrorCode::timed_out, &read);
    });
}

void Producer::Impl::deliver(const Partition& partition, OutgoingBatch& batch, const Status& status, const ProduceResponse* stored) {
    Delivery delivery;
    delivery.status = status;
    delivery.topic = partition.topic;
    delivery.partition = partition.index;
    delivery.maybe_stored = batch.maybe_stored;
    if (stored != nullptr) delivery.durable_copies = stored->durable_copies;
    std::uint64_t place = 0;
    for (auto& report : batch.reports) {
        if (stored != nullptr) delivery.offset = stored->offset + place++;
        delivery.tag = report.tag;
        if (report.done) report.done(delivery);
    }
    const Lock lock(mutex_);
    reported_ += batch.count();
    (status.ok() ? stats_.acknowledged : stats_.failed) += batch.count();
    stats_.buffered_bytes -= batch.budget_bytes;
    if (status.code == ErrorCode::unknown_topic || status.code == ErrorCode::unknown_partition)
        topics_.find(std::string(partition.topic))->second.stale = true;
    changed_.notify_all();
}

void Producer::Impl::abandon_all() {
    const Status closed{ErrorCode::shutting_down, "given up before it was acknowledged"};
    for (auto* partition : working_) {
        std::deque<std::unique_ptr<OutgoingBatch>> unsent;
        {
            const Lock lock(mutex_);
            unsent = std::move(partition->complete);
            partition->complete.clear();
            if (partition->filling) unsent.push_back(std::move(partition->filling));
        }
        partition->sender->abandon(closed);
        for (auto& batch : unsent) deliver(*partition, *batch, closed, nullptr);
    }
    const Lock lock(mutex_);
    abandoning_ = false;
    changed_.notify_all();
}

Producer::Producer(ConnectOptions connect, ProducerOptions options)
    : impl_(std::make_unique<Impl>(std::move(connect), std::move(options))) {}
Producer::~Producer() = default;

Status Producer::send(const ProducerRecord& record, DeliveryCallback done) { return impl_->send(record, std::move(done)); }

std::future<Delivery> Producer::submit(const ProducerRecord& record) {
    auto promise = std::make_shared<std::promise<Delivery>>();
    auto future = promise->get_future();
    const auto status = send(record, [promise](const Delivery& delivery) { promise->set_value(delivery); });
    if (!status.ok()) {
        Delivery refused;
        refused.status = status;
        refused.tag = record.tag;
        promise->set_value(refused);
    }
    return future;
}

void Producer::push() { impl_->push(); }
Status Producer::flush(std::uint32_t timeout_ms) { return impl_->flush(timeout_ms); }
void Producer::abandon() { impl_->abandon(); }
ProducerStats Producer::stats() const { return impl_->stats(); }

}  // namespace sedge
