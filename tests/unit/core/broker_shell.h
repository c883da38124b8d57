// A shell for the broker in a few lines: clients, a journal and clocks in memory, all under the test's control.
#pragma once

#include <catch2/catch.hpp>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "node/core/broker.h"
#include "schema/limits.h"
#include "schema/record_batch.h"
#include "schema/request.h"
#include "schema/response.h"

namespace sedge::node {

class TestMessage : public InboundMessage {
  public:
    explicit TestMessage(std::vector<Buffer> frames) {
        for (Buffer& frame : frames) frames_.push_back(std::make_shared<Buffer>(std::move(frame)));
    }
    std::size_t frames() const override { return frames_.size(); }
    MutableBytes bytes(std::size_t frame) override { return *frames_.at(frame); }
    SharedBytes share(std::size_t frame) override { return {frames_.at(frame), *frames_.at(frame)}; }

  private:
    std::vector<std::shared_ptr<Buffer>> frames_;
};

// One answer as a client sees it.
struct TestAnswer {
    std::string to;
    Response response;
    std::vector<SharedBytes> body;
    std::size_t reply_bytes = 0;
};

class BrokerShell {
  public:
    explicit BrokerShell(BrokerOptions options = {}) : options_(std::move(options)) { start(); }

    Broker& broker() { return *broker_; }
    Now now;
    JournalRoom room{true, false};
    bool makes_segments = true;  // a roll is followed by the news that another segment is ready

    // --- Clients ---
    std::uint64_t send(const std::string& from, const RequestBody& body, ByteView payload = {}, bool two_frames = false) {
        const std::uint64_t id = next_correlation_id_++;
        Buffer header;
        encode_request(id, body, header);
        std::vector<Buffer> frames;
        if (!two_frames) header.insert(header.end(), payload.begin(), payload.end());
        frames.push_back(std::move(header));
        if (two_frames) frames.emplace_back(payload.begin(), payload.end());
        asked_[id] = body.index();
        send_frames(from, std::move(frames));
        return id;
    }
    void send_frames(const std::string& from, std::vector<Buffer> frames) {
        TestMessage message(std::move(frames));
        broker_->on_message(now, ConnectionId{from}, message);
    }
    // Ends the turn: the effects are carried out, the writes wait for complete_writes().
    void turn() {
        Effects effects;
        broker_->take_effects(now, effects);
        for (JournalWrite& write : effects.writes) append(std::move(write));
        for (ReadEffect& read : effects.reads) reads.push_back(std::move(read));
        for (const ReleaseRecords& release : effects.releases) releases.push_back(release);
        for (Send& each : effects.sends) receive(std::move(each));
    }
    void complete_writes(std::size_t count = SIZE_MAX) {
        WriteToken last;
        for (; count > 0 && !queued.empty(); --count) {
            last = queued.front().token;
            store(std::move(queued.front()));
            queued.pop_front();
        }
        if (last.value != 0) broker_->on_durable(now, last);
        turn();
    }
    void complete_reads() {
        while (!reads.empty()) {
            ReadEffect read = std::move(reads.front());
            reads.pop_front();
            std::visit([&](const auto& each) { broker_->on_read(now, each.read_id, find(each)); }, read);
            turn();
        }
    }
    // Until nothing is left to do.
    void settle() {
        turn();
        while (!queued.empty() || !reads.empty()) {
            complete_writes();
            complete_reads();
        }
    }
    void pass(std::uint64_t time_ms) {
        now.monotonic_ms += time_ms;
        now.wall_ms += time_ms;
        broker_->on_tick(now);
        turn();
    }
    // Sends, settles, and takes the answer out.
    TestAnswer ask(const RequestBody& body, ByteView payload = {}, const std::string& from = "c") {
        const std::uint64_t id = send(from, body, payload);
        settle();
        auto answer = take(id);
        REQUIRE(answer);
        return std::move(*answer);
    }
    std::optional<TestAnswer> take(std::uint64_t correlation_id) {
        const auto found = std::find_if(answers.begin(), answers.end(),
                                        [&](const TestAnswer& each) { return each.response.correlation_id == correlation_id; });
        if (found == answers.end()) return std::nullopt;
        std::optional<TestAnswer> taken(std::move(*found));
        answers.erase(found);
        return taken;
    }
    ErrorCode error_of(const RequestBody& body, ByteView payload = {}) { return error(ask(body, payload)); }
    static ErrorCode error(const TestAnswer& answer) {
        const auto* failure = std::get_if<ErrorResponse>(&answer.response.body);
        return failure == nullptr ? ErrorCode::ok : failure->status.code;
    }

    // --- Crashes ---
    // The process dies: what was not durable is gone, and the journal is replayed.
    void crash() {
        queued.clear();
        reads.clear();
        answers.clear();
        ++options_.epoch.value;
        start();
    }
    // One write in the journal, for tests that look at the disk.
    struct Stored {
        std::vector<JournalEntry> entries;
        bool roll = false;
    };

    std::deque<JournalWrite> queued;    // not yet durable
    std::vector<Stored> stored;         // durable
    std::deque<ReadEffect> reads;
    std::vector<ReleaseRecords> releases;
    std::vector<TestAnswer> answers;
    bool takes_answers = true;  // clients read what they get
    std::optional<ReadResult> next_read_result;  // instead of what is stored

  private:
    void start() {
        broker_ = std::make_unique<Broker>(options_);
        std::size_t newest = stored.size();
        while (newest > 0 && !stored[newest - 1].roll) --newest;
        for (std::size_t i = newest == 0 ? 0 : newest - 1; i < stored.size(); ++i) {
            for (const JournalEntry& entry : stored[i].entries) {
                if (entry.type == EntryType::checkpoint) {
                    REQUIRE(broker_->restore_checkpoint(entry.payload.view()) == Status{});
                    continue;
                }
                // As recovery does: of a batch only the header.
                const ByteView payload = entry.payload.view();
                const bool is_batch = entry.type == EntryType::batch;
                JournalEntry bare = entry;
                bare.payload = {};
                REQUIRE(broker_->restore_entry(bare, is_batch ? payload.first(kBatchHeaderBytes) : payload) == Status{});
            }
        }
        broker_->start(now, room);
        turn();
        complete_writes();
    }
    void append(JournalWrite write) {
        REQUIRE(!write.entries.empty());
        REQUIRE(write.roll == (write.entries.front().type == EntryType::checkpoint));
        for (std::size_t i = 1; i < write.entries.size(); ++i) REQUIRE(write.entries[i].type != EntryType::checkpoint);
        if (write.roll) segment_cost = 0;
        segment_cost += journal_cost(write);
        REQUIRE(segment_cost <= options_.segment_bytes);
        const bool rolled = write.roll;
        queued.push_back(std::move(write));
        if (rolled && makes_segments) broker_->on_room(now, room);
    }
    void store(JournalWrite write) {
        for (const JournalEntry& entry : write.entries) {
            if (entry.type != EntryType::batch) continue;
            const auto header = check_appended_batch(entry.payload.view());
            REQUIRE(header.ok());
            REQUIRE(header->base_offset == entry.base_offset);
        }
        stored.push_back({std::move(write.entries), write.roll});
    }
    std::vector<SharedBytes> batches_of(const PartitionId& partition) const {
        std::vector<SharedBytes> out;
        for (const Stored& write : stored)
            for (const JournalEntry& entry : write.entries)
                if (entry.type == EntryType::batch && entry.partition == partition) out.push_back(entry.payload);
        return out;
    }
    ReadResult find(const ReadRecords& read) {
        if (next_read_result) return *std::exchange(next_read_result, std::nullopt);
        ReadResult result;
        std::size_t bytes = 0;
        for (const SharedBytes& batch : batches_of(read.partition)) {
            const auto header = read_batch_header(batch.view());
            if (header->end_offset() <= read.offset || header->base_offset >= read.end) continue;
            if (!result.batches.empty() && bytes + batch.size() > read.max_bytes) break;
            bytes += batch.size();
            result.batches.push_back(batch);
        }
        return result;
    }
    ReadResult find(const FindTime& read) {
        if (next_read_result) return *std::exchange(next_read_result, std::nullopt);
        ReadResult result;
        result.offset = read.end;
        for (const SharedBytes& batch : batches_of(read.partition)) {
            bool found = false;
            (void)for_each_record(batch.view(), [&](Offset offset, const RecordView& record) {
                found = offset >= read.start && offset < read.end && record.timestamp_ms >= read.timestamp_ms;
                if (found) result.offset = offset;
                return !found;
            });
            if (found) break;
        }
        return result;
    }
    void receive(Send each) {
        const auto id = response_correlation_id(each.header);
        REQUIRE(id);
        REQUIRE(asked_.contains(*id));
        auto response = decode_response(each.header, asked_.at(*id));
        REQUIRE(response.ok());
        if (takes_answers && each.reply_bytes != 0) broker_->on_reply_taken(each.to, each.reply_bytes);
        answers.push_back({each.to.value, std::move(*response), std::move(each.body), each.reply_bytes});
    }

  public:
    void asks_raw(std::uint64_t correlation_id, std::size_t request_index) { asked_[correlation_id] = request_index; }
    std::uint64_t segment_cost = 0;

  private:
    BrokerOptions options_;
    std::unique_ptr<Broker> broker_;
    std::map<std::uint64_t, std::size_t> asked_;
    std::uint64_t next_correlation_id_ = 1;
};

// --- Short ways to say things ---

inline CreateTopicRequest create_request(std::string_view topic, std::uint32_t partitions = 1,
                                         std::vector<std::pair<std::string_view, std::string_view>> config = {}) {
    return {topic, partitions, 1, std::move(config)};
}

inline ProduceRequest plain_record(std::string_view topic, std::string_view value, std::uint32_t partition = 0) {
    ProduceRequest request;
    request.topic = topic;
    request.partition = PartitionIndex{partition};
    request.value = as_bytes(value);
    return request;
}

inline ProduceRequest batch_request(std::string_view topic, std::uint32_t partition = 0) {
    ProduceRequest request;
    request.topic = topic;
    request.partition = PartitionIndex{partition};
    return request;
}

inline FetchRequest fetch_request(std::string_view topic, std::uint64_t offset, std::uint32_t max_wait_ms = 0, bool plain = true) {
    FetchRequest request;
    request.topic = topic;
    request.offset = Offset{offset};
    request.max_wait_ms = max_wait_ms;
    request.plain = plain;
    return request;
}

struct TestProducer {
    std::uint64_t id = 0;
    std::uint32_t epoch = 0;
    std::uint32_t sequence = 0;
};

inline Buffer make_batch(const std::vector<std::string>& values, TestProducer producer = {}, Codec codec = Codec::none) {
    BatchBuilder builder(codec);
    builder.set_producer(ProducerId{producer.id}, producer.epoch, producer.sequence);
    for (const std::string& value : values) builder.add(1000, std::nullopt, as_bytes(value));
    return builder.finish();
}

inline std::vector<std::string> values_of(const TestAnswer& answer) {
    std::vector<std::string> out;
    const auto* fetched = std::get_if<FetchResponse>(&answer.response.body);
    REQUIRE(fetched != nullptr);
    for (const PlainRecord& record : fetched->records) out.emplace_back(as_text(*record.value));
    return out;
}

template <class Body>
const Body& body_of(const TestAnswer& answer) {
    const auto* body = std::get_if<Body>(&answer.response.body);
    if (const auto* failure = std::get_if<ErrorResponse>(&answer.response.body)) INFO(failure->status.message);
    REQUIRE(body != nullptr);
    return *body;
}

}  // namespace sedge::node
