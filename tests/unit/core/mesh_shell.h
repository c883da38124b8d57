// Several brokers, their journals and the network between them, in memory and under the test's control.
#pragma once

#include <catch2/catch.hpp>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/core/broker_shell.h"

namespace sedge::node {

class MeshShell {
  public:
    struct Node {
        std::uint64_t number = 0;
        std::string name;
        std::uint64_t id = 0;
        std::uint64_t starts = 0;
        std::unique_ptr<Broker> broker;
        std::vector<std::vector<JournalEntry>> stored;  // durable writes
        std::deque<JournalWrite> queued;
        std::vector<ReadEffect> reads;
        std::size_t newest_roll = 0;
    };

    explicit MeshShell(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            Node node;
            node.number = i + 1;
            node.name = std::string(1, static_cast<char>('a' + i));
            node.id = 100 + i;
            nodes_.push_back(std::move(node));
        }
        for (std::size_t i = 0; i < count; ++i) start(i);
    }

    Node& node(std::size_t i) { return nodes_.at(i); }
    Broker& broker(std::size_t i) { return *nodes_.at(i).broker; }
    bool runs(std::size_t i) { return nodes_.at(i).broker != nullptr; }
    Now now{1'000, 1'700'000'000'000, true};
    std::set<std::pair<std::size_t, std::size_t>> cut;  // links that lose everything, by direction
    std::function<bool()> loses = [] { return false; };

    void start(std::size_t i) {
        Node& node = nodes_[i];
        ++node.starts;
        BrokerOptions options;
        options.node_name = node.name;
        options.node_id = NodeId{node.id};
        options.mesh_id = std::string(32, 'e');
        options.start_nonce = node.id * 1000 + node.starts;
        options.starts = node.starts;
        options.epoch = Epoch{static_cast<std::uint32_t>(node.starts)};
        options.peer_address = "sim://" + std::to_string(i);
        options.advertised_address = "tcp://" + node.name + ":1";
        options.random_seed = options.start_nonce;
        options.membership.probe_interval_ms = 200;
        options.membership.ping_timeout_ms = 60;
        options.replica_lag_ms = 1'000;
        options.segment_bytes = 16u << 20;
        if (i > 0 || node.starts > 1 || wiped_founder)
            for (std::size_t other = 0; other < nodes_.size(); ++other)
                if (other != i && runs(other)) {
                    Member known;
                    known.id = NodeId{nodes_[other].id};
                    known.facts.name = nodes_[other].name;
                    known.facts.peer_address = "sim://" + std::to_string(other);
                    options.known_members.push_back(known);
                    break;
                }
        node.broker = std::make_unique<Broker>(options);
        for (std::size_t w = node.newest_roll; w < node.stored.size(); ++w) restore(node, node.stored[w]);
        node.broker->start(now, {true, false});
        turn(i);
    }
    // The process ends: what was not durable is gone.
    void kill(std::size_t i, bool others_notice = true) {
        Node& node = nodes_[i];
        node.broker.reset();
        node.queued.clear();
        node.reads.clear();
        if (!others_notice) return;
        for (std::size_t other = 0; other < nodes_.size(); ++other)
            if (other != i && runs(other)) broker(other).on_peer_lost(now, NodeId{node.id});
    }
    void wipe(std::size_t i) {
        Node& node = nodes_[i];
        node.stored.clear();
        node.newest_roll = 0;
        node.id += 1000;
        node.starts = 0;
        wiped_founder = wiped_founder || i == 0;
    }

    // One millisecond: ticks, turns, messages, and whatever waits for a disk.
    void step() {
        ++now.monotonic_ms;
        ++now.wall_ms;
        for (std::size_t i = 0; i < nodes_.size(); ++i) {
            if (!runs(i)) continue;
            if (broker(i).next_tick_ms() <= now.monotonic_ms) broker(i).on_tick(now);
            turn(i);
        }
        deliver();
        for (std::size_t i = 0; i < nodes_.size(); ++i) complete(i);
    }
    void pass(std::uint64_t time_ms) {
        for (std::uint64_t i = 0; i < time_ms; ++i) step();
    }
    template <class Condition>
    bool until(Condition&& condition, std::uint64_t limit_ms = 20'000) {
        for (std::uint64_t i = 0; i < limit_ms; ++i) {
            if (condition()) return true;
            step();
        }
        return condition();
    }

    std::uint64_t send(std::size_t i, const RequestBody& body, ByteView payload = {}) {
        const std::uint64_t id = next_correlation_id_++;
        Buffer header;
        encode_request(id, body, header);
        header.insert(header.end(), payload.begin(), payload.end());
        asked_[id] = body.index();
        TestMessage message({std::move(header)});
        broker(i).on_message(now, ConnectionId{"c"}, message);
        return id;
    }
    std::optional<TestAnswer> take(std::uint64_t id) {
        const auto found = answers_.find(id);
        if (found == answers_.end()) return std::nullopt;
        std::optional<TestAnswer> out(std::move(found->second));
        answers_.erase(found);
        return out;
    }
    TestAnswer ask(std::size_t i, const RequestBody& body, ByteView payload = {}) {
        const std::uint64_t id = send(i, body, payload);
        REQUIRE(until([&] { return answers_.contains(id); }));
        return std::move(*take(id));
    }
    static ErrorCode error(const TestAnswer& answer) { return BrokerShell::error(answer); }

    std::optional<Broker::PartitionView> view(std::size_t i, std::string_view topic, std::uint32_t partition = 0) {
        if (!runs(i)) return std::nullopt;
        for (auto& each : broker(i).partitions())
            if (each.topic == topic && each.id.partition.value == partition) return each;
        return std::nullopt;
    }
    std::optional<std::size_t> leader(std::string_view topic, std::uint32_t partition = 0) {
        std::optional<std::size_t> found;
        for (std::size_t i = 0; i < nodes_.size(); ++i) {
            const auto each = view(i, topic, partition);
            if (each && each->leads && (!found || view(*found, topic, partition)->epoch < each->epoch)) found = i;
        }
        return found;
    }
    // The batches of a partition as a node's journal has them, by offset.
    std::map<std::uint64_t, Buffer> log(std::size_t i, std::string_view topic, std::uint32_t partition = 0) {
        std::map<std::uint64_t, Buffer> out;
        const auto wanted = view(i, topic, partition);
        if (!wanted) return out;
        for (const auto& write : nodes_[i].stored) apply(write, wanted->id, out);
        return out;
    }

  private:
    struct InFlight {
        std::size_t from, to;
        std::vector<Buffer> frames;
    };
    static void apply(const std::vector<JournalEntry>& write, const PartitionId& id, std::map<std::uint64_t, Buffer>& out) {
        for (const JournalEntry& entry : write) {
            if (entry.partition != id) continue;
            if (entry.type == EntryType::truncated) out.erase(out.lower_bound(entry.base_offset.value), out.end());
            if (entry.type == EntryType::log_made) out.clear();
            const ByteView bytes = entry.payload.view();
            if (entry.type == EntryType::batch) out[entry.base_offset.value] = Buffer(bytes.begin(), bytes.end());
        }
    }
    void restore(Node& node, const std::vector<JournalEntry>& entries) {
        for (const JournalEntry& entry : entries) {
            const ByteView payload = entry.payload.view();
            if (entry.type == EntryType::checkpoint) {
                REQUIRE(node.broker->restore_checkpoint(payload) == Status{});
                continue;
            }
            JournalEntry bare = entry;
            bare.payload = {};
            REQUIRE(node.broker->restore_entry(bare, entry.type == EntryType::batch ? payload.first(kBatchHeaderBytes) : payload) == Status{});
        }
    }
    void turn(std::size_t i) {
        Node& node = nodes_[i];
        Effects effects;
        node.broker->take_effects(now, effects);
        for (JournalWrite& write : effects.writes) {
            if (write.roll) node.broker->on_room(now, {true, false});
            node.queued.push_back(std::move(write));
        }
        for (ReadEffect& read : effects.reads) node.reads.push_back(std::move(read));
        for (Send& send : effects.sends) receive(std::move(send));
        for (SendPeer& send : effects.peer_sends) {
            const std::size_t to = static_cast<std::size_t>(std::stoul(send.address.substr(6)));
            InFlight message{i, to, {send.header}};
            for (const SharedBytes& each : send.body) message.frames.emplace_back(each.view().begin(), each.view().end());
            network_.push_back(std::move(message));
        }
    }
    void deliver() {
        auto messages = std::exchange(network_, {});
        for (InFlight& each : messages) {
            if (!runs(each.to) || cut.contains({each.from, each.to}) || loses()) continue;
            TestMessage message(std::move(each.frames));
            broker(each.to).on_peer_message(now, message);
        }
    }
    void complete(std::size_t i) {
        Node& node = nodes_[i];
        if (!node.broker) return;
        WriteToken last;
        for (; !node.queued.empty(); node.queued.pop_front()) {
            JournalWrite& write = node.queued.front();
            last = write.token;
            if (write.roll) node.newest_roll = node.stored.size();
            node.stored.push_back(std::move(write.entries));
        }
        if (last.value != 0) node.broker->on_durable(now, last);
        for (ReadEffect& read : std::exchange(node.reads, {}))
            if (auto* records = std::get_if<ReadRecords>(&read)) node.broker->on_read(now, records->read_id, find(i, *records));
    }
    ReadResult find(std::size_t i, const ReadRecords& read) {
        ReadResult result;
        std::map<std::uint64_t, Buffer> all;
        for (const auto& write : nodes_[i].stored) apply(write, read.partition, all);
        std::size_t bytes = 0;
        for (const auto& [base, batch] : all) {
            const auto header = read_batch_header(batch);
            if (header->end_offset() <= read.offset || header->base_offset >= read.end) continue;
            if (bytes > 0 && bytes + batch.size() > read.max_bytes) break;
            bytes += batch.size();
            result.batches.push_back(SharedBytes::copy_of(batch));
        }
        return result;
    }
    void receive(Send send) {
        const auto id = response_correlation_id(send.header);
        REQUIRE(id);
        auto response = decode_response(send.header, asked_.at(*id));
        REQUIRE(response.ok());
        const bool is_new = answers_.emplace(*id, TestAnswer{send.to.value, std::move(*response), std::move(send.body), 0}).second;
        REQUIRE(is_new);
    }

    std::vector<Node> nodes_;
    std::deque<InFlight> network_;
    std::map<std::uint64_t, std::size_t> asked_;
    std::map<std::uint64_t, TestAnswer> answers_;
    std::uint64_t next_correlation_id_ = 1;
    bool wiped_founder = false;
};

}  // namespace sedge::node
