// A node in memory, for testing the client: one thread on a ROUTER, the real wire format, the protocol's rules for sequences, and
// faults on demand. Stopping and starting it keeps its port and its records, as a node's disk would.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>
#include <zmq.hpp>

#include "schema/record_batch.h"
#include "schema/request.h"
#include "schema/response.h"

namespace sedge::test {

class FakeBroker {
  public:
    FakeBroker() { start(); }
    ~FakeBroker() { stop(); }
    FakeBroker(const FakeBroker&) = delete;
    FakeBroker& operator=(const FakeBroker&) = delete;

    std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

    void start() {
        context_ = std::make_unique<zmq::context_t>(1);
        socket_ = std::make_unique<zmq::socket_t>(*context_, zmq::socket_type::router);
        socket_->set(zmq::sockopt::linger, 0);
        socket_->bind("tcp://127.0.0.1:" + (port_ == 0 ? std::string("*") : std::to_string(port_)));
        const auto endpoint = socket_->get(zmq::sockopt::last_endpoint);
        port_ = std::stoi(endpoint.substr(endpoint.rfind(':') + 1));
        stop_ = false;
        thread_ = std::thread([this] { run(); });
    }

    // As a kill: open requests get no answer.
    void stop() {
        if (!thread_.joinable()) return;
        stop_ = true;
        thread_.join();
        socket_.reset();
        context_.reset();  // waits until the port is free
        waiting_.clear();
    }

    void restart() {
        stop();
        start();
    }

    void add_topic(const std::string& name, std::uint32_t partitions, const std::string& max_batch_bytes = "1048576") {
        const std::lock_guard lock(mutex_);
        topics_[name].partitions.resize(partitions);
        topics_[name].max_batch_bytes = max_batch_bytes;
    }

    // --- Faults; each counts down by itself ---
    std::atomic<int> lose_produce_answers{0};  // stored, not answered
    std::atomic<int> ignore_produces{0};       // neither stored nor answered
    std::atomic<int> refuse_produces{0};       // with `refusal`
    std::atomic<ErrorCode> refusal{ErrorCode::busy};
    std::atomic<int> corrupt_fetches{0};       // a byte of the body is flipped on the way
    std::atomic<bool> hold{false};             // reads nothing: a node that hangs

    void forget_producers() {
        const std::lock_guard lock(mutex_);
        for (auto& [name, topic] : topics_)
            for (auto& partition : topic.partitions) partition.producers.clear();
    }
    // Reading from `from` up to `to` answers "damaged".
    void damage(const std::string& topic, Offset from, Offset to) {
        const std::lock_guard lock(mutex_);
        topics_[topic].partitions[0].damaged = {from, to};
    }
    void remove_before(const std::string& topic, Offset start) {
        const std::lock_guard lock(mutex_);
        topics_[topic].partitions[0].start = start;
    }

    // --- What it has ---
    std::vector<std::string> values(const std::string& topic, std::uint32_t partition = 0) {
        const std::lock_guard lock(mutex_);
        std::vector<std::string> out;
        for (const auto& batch : topics_[topic].partitions[partition].batches)
            (void)for_each_record(batch, [&](Offset, RecordView& record) {
                out.emplace_back(as_text(*record.value));
                return true;
            });
        return out;
    }
    std::size_t duplicates() const { return duplicates_; }
    std::size_t fetches() const { return fetches_; }
    std::size_t batches(const std::string& topic) {
        const std::lock_guard lock(mutex_);
        return topics_[topic].partitions[0].batches.size();
    }
    void append(const std::string& topic, const std::vector<std::string>& values, std::uint32_t partition = 0,
                std::uint64_t timestamp_ms = 1'000) {
        BatchBuilder builder;
        for (const auto& value : values) builder.add(timestamp_ms, std::nullopt, as_bytes(value));
        const std::lock_guard lock(mutex_);
        store(topics_[topic].partitions[partition], builder.finish());
    }

  private:
    struct Remembered {
        std::uint32_t sequence;
        std::uint32_t count;
        Offset offset;
    };
    struct ProducerState {
        std::uint32_t epoch = 0;
        std::uint32_t next = 0;
        std::vector<Remembered> last;
    };
    struct Partition {
        std::vector<Buffer> batches;
        Offset start;
        Offset end;
        std::pair<Offset, Offset> damaged{};
        std::map<std::uint64_t, ProducerState> producers;
    };
    struct Topic {
        std::vector<Partition> partitions;
        std::string max_batch_bytes;
    };
    struct WaitingFetch {
        std::string peer;
        std::uint64_t id;
        std::string topic;
        FetchRequest request;
        std::chrono::steady_clock::time_point until;
    };

    void run() {
        while (!stop_) {
            zmq_pollitem_t item{socket_->handle(), 0, ZMQ_POLLIN, 0};
            zmq_poll(&item, 1, 5);
            for (int i = 0; i < 100 && !hold && receive(); ++i) {}
            const std::lock_guard lock(mutex_);
            const auto now = std::chrono::steady_clock::now();
            std::erase_if(waiting_, [&](const WaitingFetch& waiting) { return try_fetch(waiting, now >= waiting.until); });
        }
    }

    bool receive() {
        zmq::message_t peer;
        zmq::message_t head;
        if (!socket_->recv(peer, zmq::recv_flags::dontwait)) return false;
        (void)socket_->recv(head);
        Buffer body;
        while (head.more()) {
            zmq::message_t more;
            (void)socket_->recv(more);
            const auto* bytes = static_cast<const std::byte*>(more.data());
            body.insert(body.end(), bytes, bytes + more.size());
            if (!more.more()) break;
        }
        const ByteView frame(static_cast<const std::byte*>(head.data()), head.size());
        auto decoded = decode_request(frame);
        auto* request = std::get_if<Request>(&decoded);
        if (request == nullptr) return true;
        if (body.empty()) body.assign(frame.begin() + static_cast<std::ptrdiff_t>(request->header_bytes), frame.end());
        const std::lock_guard lock(mutex_);
        const std::string from = peer.to_string();
        std::visit([&](const auto& asked) { handle(from, request->correlation_id, asked, body); }, request->body);
        return true;
    }

    void answer(const std::string& peer, std::uint64_t id, const ResponseBody& response, const std::vector<Buffer>& frames = {}) {
        Buffer head;
        encode_response(id, response, head);
        socket_->send(zmq::buffer(peer), zmq::send_flags::sndmore);
        socket_->send(zmq::buffer(head.data(), head.size()), frames.empty() ? zmq::send_flags::none : zmq::send_flags::sndmore);
        for (std::size_t i = 0; i < frames.size(); ++i)
            socket_->send(zmq::buffer(frames[i].data(), frames[i].size()),
                          i + 1 < frames.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
    }
    void refuse(const std::string& peer, std::uint64_t id, ErrorCode code, std::optional<Offset> next = {}) {
        answer(peer, id, ErrorResponse{{code, "the fake says " + std::string(to_string(code))}, next, {}, {}});
    }

    static bool count_down(std::atomic<int>& fault) {
        if (fault <= 0) return false;
        --fault;
        return true;
    }

    Partition* find(std::string_view topic, PartitionIndex partition) {
        const auto found = topics_.find(std::string(topic));
        if (found == topics_.end() || partition.value >= found->second.partitions.size()) return nullptr;
        return &found->second.partitions[partition.value];
    }

    void store(Partition& partition, Buffer batch) {
        const auto header = read_batch_header(batch);
        stamp_batch(batch, partition.end, 5'000, Epoch{1});
        partition.end = partition.end + header->count;
        partition.batches.push_back(std::move(batch));
    }

    TopicInfo describe(const std::string& name) {
        TopicInfo info;
        info.name = name;
        info.config = {{"max_batch_bytes", topics_[name].max_batch_bytes}};
        std::uint32_t index = 0;
        for (const auto& partition : topics_[name].partitions) {
            PartitionInfo entry;
            entry.partition = PartitionIndex{index++};
            entry.leader = "fake";
            entry.replicas = entry.isr = {"fake"};
            entry.start = partition.start;
            entry.end = entry.high_watermark = partition.end;
            info.partitions.push_back(entry);
        }
        return info;
    }

    void handle(const std::string& peer, std::uint64_t id, const DescribeTopicRequest& asked, const Buffer&) {
        if (find(asked.topic, PartitionIndex{0}) == nullptr) return refuse(peer, id, ErrorCode::unknown_topic);
        answer(peer, id, TopicResponse{describe(std::string(asked.topic))});
    }
    void handle(const std::string& peer, std::uint64_t id, const CreateTopicRequest& asked, const Buffer&) {
        const std::string name(asked.topic);
        if (topics_.contains(name)) return refuse(peer, id, ErrorCode::topic_exists);
        topics_[name].partitions.resize(asked.partitions);
        topics_[name].max_batch_bytes = "1048576";
        if (count_down(lose_produce_answers)) return;
        answer(peer, id, TopicResponse{describe(name)});
    }
    void handle(const std::string& peer, std::uint64_t id, const DeleteTopicRequest& asked, const Buffer&) {
        if (topics_.erase(std::string(asked.topic)) == 0) return refuse(peer, id, ErrorCode::unknown_topic);
        answer(peer, id, DeleteTopicResponse{});
    }
    void handle(const std::string& peer, std::uint64_t id, const MetadataRequest&, const Buffer&) {
        MetadataResponse response;
        for (const auto& entry : topics_) response.topics.push_back(describe(entry.first));
        answer(peer, id, response);
    }
    void handle(const std::string& peer, std::uint64_t id, const ListOffsetsRequest& asked, const Buffer&) {
        const auto* partition = find(asked.topic, asked.partition);
        if (partition == nullptr) return refuse(peer, id, ErrorCode::unknown_topic);
        answer(peer, id, ListOffsetsResponse{asked.at == ListOffsetsRequest::At::start ? partition->start : partition->end});
    }
    void handle(const std::string& peer, std::uint64_t id, const HelloRequest&, const Buffer&) { answer(peer, id, HelloResponse{}); }
    template <class Other>
    void handle(const std::string& peer, std::uint64_t id, const Other&, const Buffer&) {
        refuse(peer, id, ErrorCode::unknown_api);
    }

    void handle(const std::string& peer, std::uint64_t id, const ProduceRequest& asked, const Buffer& body) {
        if (count_down(ignore_produces)) return;
        if (count_down(refuse_produces)) return refuse(peer, id, refusal);
        auto* partition = find(asked.topic, asked.partition.value_or(PartitionIndex{0}));
        if (partition == nullptr) return refuse(peer, id, ErrorCode::unknown_topic);
        const auto header = check_batch(body);
        if (!header.ok()) return refuse(peer, id, ErrorCode::corrupt_batch);
        ProduceResponse response;
        response.partition = *asked.partition;
        response.offset = partition->end;
        if (header->producer_id.value != 0) {
            const auto verdict = check_sequence(*partition, *header, response);
            if (verdict != ErrorCode::ok) return refuse(peer, id, verdict);
        }
        if (!response.duplicate) store(*partition, body);
        if (count_down(lose_produce_answers) || asked.acks == Acks::none) return;
        answer(peer, id, response);
    }

    ErrorCode check_sequence(Partition& partition, const BatchHeader& header, ProduceResponse& response) {
        const bool known = partition.producers.contains(header.producer_id.value);
        if (!known && header.base_sequence != 0) return ErrorCode::unknown_producer;
        auto& producer = partition.producers[header.producer_id.value];
        if (header.producer_epoch < producer.epoch) return ErrorCode::stale_producer_epoch;
        if (header.producer_epoch > producer.epoch) {
            if (header.base_sequence != 0) return ErrorCode::out_of_order_sequence;
            producer = {header.producer_epoch, 0, {}};
        }
        for (const auto& before : producer.last) {
            if (before.sequence != header.base_sequence || before.count != header.count) continue;
            response.duplicate = true;
            response.offset = before.offset;
            ++duplicates_;
            return ErrorCode::ok;
        }
        if (header.base_sequence != producer.next) return ErrorCode::out_of_order_sequence;
        producer.last.push_back({header.base_sequence, header.count, partition.end});
        if (producer.last.size() > limits::kBatchesInFlight) producer.last.erase(producer.last.begin());
        producer.next += header.count;
        return ErrorCode::ok;
    }

    void handle(const std::string& peer, std::uint64_t id, const FetchRequest& asked, const Buffer&) {
        ++fetches_;
        const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(asked.max_wait_ms);
        WaitingFetch waiting{peer, id, std::string(asked.topic), asked, until};
        if (!try_fetch(waiting, false)) waiting_.push_back(std::move(waiting));
    }

    bool try_fetch(const WaitingFetch& fetch, bool overdue) {
        auto* partition = find(fetch.topic, fetch.request.partition);
        if (partition == nullptr) return refuse(fetch.peer, fetch.id, ErrorCode::unknown_topic), true;
        const auto at = fetch.request.offset;
        if (at < partition->start) return refuse(fetch.peer, fetch.id, ErrorCode::offset_out_of_range, partition->start), true;
        if (at > partition->end) return refuse(fetch.peer, fetch.id, ErrorCode::offset_out_of_range, partition->start), true;
        if (at >= partition->damaged.first && at < partition->damaged.second)
            return refuse(fetch.peer, fetch.id, ErrorCode::damaged, partition->damaged.second), true;
        if (at == partition->end && !overdue) return false;
        std::vector<Buffer> frames;
        std::size_t bytes = 0;
        for (const auto& batch : partition->batches) {
            const auto header = read_batch_header(batch);
            if (header->end_offset() <= at) continue;
            if (header->base_offset >= partition->damaged.first && header->base_offset < partition->damaged.second) break;
            if (bytes > 0 && bytes + batch.size() > fetch.request.max_bytes) break;
            bytes += batch.size();
            frames.push_back(batch);
        }
        if (!frames.empty() && count_down(corrupt_fetches)) frames.back().back() ^= std::byte{1};
        FetchResponse response;
        response.start = partition->start;
        response.end = response.high_watermark = partition->end;
        answer(fetch.peer, fetch.id, response, frames);
        return true;
    }

    std::unique_ptr<zmq::context_t> context_;
    std::unique_ptr<zmq::socket_t> socket_;
    int port_ = 0;
    std::atomic<bool> stop_{false};
    std::thread thread_;
    std::mutex mutex_;
    std::map<std::string, Topic> topics_;
    std::vector<WaitingFetch> waiting_;
    std::atomic<std::size_t> duplicates_{0};
    std::atomic<std::size_t> fetches_{0};
};

}  // namespace sedge::test
