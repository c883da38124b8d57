// The broker's state and the steps that its parts share. Only broker*.cc includes this.
//
// A turn gathers changes into one journal write. Invariant: whatever waits for a write's durability stands in that write's PendingWrite
// and leaves only in on_durable(); and a checkpoint is taken before the first change of the write that carries it.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "node/core/broker.h"
#include "node/core/catalogue.h"
#include "node/core/fetch_waiters.h"
#include "node/core/random.h"
#include "node/core/recent_cache.h"
#include "schema/request.h"
#include "schema/response.h"

namespace sedge::node {

// An answer to one produce request, or to several (see ProduceResponse::count).
struct ProduceAnswer {
    ConnectionId to;
    std::uint64_t correlation_id = 0;
    bool may_merge = false;
    ProduceResponse response;
};

struct PendingWrite {
    WriteToken token;
    std::size_t bytes = 0;
    std::vector<ProduceAnswer> answers;
    std::vector<std::pair<PartitionId, Offset>> ends;  // the high watermarks that the write makes
    std::vector<Send> sends;                           // answers to admin requests
    std::vector<ReleaseRecords> releases;
};

struct ColdFetch {
    PendingFetch fetch;
};
struct TimeLookup {
    ConnectionId from;
    std::uint64_t correlation_id = 0;
    PartitionId partition;
};
using PendingRead = std::variant<ColdFetch, TimeLookup>;

struct Counters {
    std::uint64_t produced_records = 0, produced_bytes = 0, produce_requests = 0, duplicates = 0;
    std::uint64_t fetch_requests = 0, fetched_bytes = 0, cold_reads = 0, answers_merged = 0;
    std::map<ErrorCode, std::uint64_t> errors;
    std::uint64_t undecodable = 0;  // messages that no answer was possible to
};

struct Broker::State {
    explicit State(BrokerOptions broker_options)
        : options(std::move(broker_options)), random(options.random_seed), recent(catalogue, options.recent_bytes) {}

    // --- broker.cc: turns and answers ---
    void open_turn(Now now);
    void close_turn();
    // Makes sure that entries of `payload_bytes` and one entry header fit the segment; rolls if need be. An error: nothing can be
    // stored now. `admin`: may use the reserve.
    Status make_room(Now now, std::size_t payload_bytes, bool admin);
    void add_entry(JournalEntry entry);
    void answer(const ConnectionId& to, std::uint64_t correlation_id, const ResponseBody& body);
    void refuse(const ConnectionId& to, std::uint64_t correlation_id, Status status,
                std::optional<Offset> next_offset = std::nullopt);
    // The same, but once the open turn's write is durable.
    void answer_when_durable(const ConnectionId& to, std::uint64_t correlation_id, const ResponseBody& body);
    void send_answers(PendingWrite& write);
    WriteToken next_token() { return WriteToken{++last_token}; }

    // --- broker_produce.cc ---
    void on_produce(Now now, const ConnectionId& from, const Request& request, InboundMessage& message);
    void produce_plain(Now now, const ConnectionId& from, const Request& request, const ProduceRequest& produce, Topic& topic);
    void produce_batch(Now now, const ConnectionId& from, const Request& request, const ProduceRequest& produce, Topic& topic,
                       InboundMessage& message, std::size_t frame, std::size_t at);
    Status admit(std::size_t size_bytes);
    void close_batch(Now now, Topic& topic, Partition& partition);
    void append_batch(Topic& topic, Partition& partition, SharedBytes bytes, const BatchHeader& header);
    void answer_produce(const ConnectionId& to, const Request& request, const ProduceRequest& produce, const Topic& topic,
                        Partition& partition, Offset offset);

    // --- broker_fetch.cc ---
    void on_fetch(Now now, const ConnectionId& from, const Request& request);
    // Answers, or starts a cold read, or (if `may_wait`) parks it.
    void serve(Now now, PendingFetch fetch, bool may_wait);
    void serve_batches(const PendingFetch& fetch, const Partition& partition, std::vector<SharedBytes> batches);
    void serve_plain(const PendingFetch& fetch, const Partition& partition, const std::vector<SharedBytes>& batches);
    Status admit_reply(const ConnectionId& to) const;
    void start_read(PendingRead read, ReadEffect effect);
    void start_queued_reads();
    void finish_fetch(const PendingFetch& fetch, ReadResult& result);
    void wake_waiters(Now now, Partition& partition);
    void on_list_offsets(const ConnectionId& from, const Request& request);

    // --- broker_admin.cc ---
    void on_create_topic(Now now, const ConnectionId& from, const Request& request);
    void on_alter_topic(Now now, const ConnectionId& from, const Request& request);
    void on_delete_topic(Now now, const ConnectionId& from, const Request& request);
    void on_describe_topic(const ConnectionId& from, const Request& request);
    void on_metadata(const ConnectionId& from, const Request& request);
    void on_hello(const ConnectionId& from, const Request& request);
    void on_cluster_info(const ConnectionId& from, const Request& request);
    void apply_retention(Now now);
    TopicInfo describe(const Topic& topic, bool with_offsets) const;
    NodeInfo this_node() const;
    std::vector<HealthProblem> problems() const;
    TopicId new_topic_id();

    const BrokerOptions options;
    Random random;
    Catalogue catalogue;
    RecentCache recent;
    FetchWaiters waiters;
    Counters counters;

    // The turn in the making.
    bool turn_open = false;
    bool turn_rolls = false;
    bool turn_syncs = false;
    std::uint64_t turn_cost_bound = 0;  // what its write may cost at most so far
    std::vector<JournalEntry> turn_entries;
    PendingWrite turn;
    std::vector<std::pair<Topic*, Partition*>> open_batches;
    Now turn_time;

    // Writes on their way to the disk, oldest first.
    std::deque<PendingWrite> pending;
    std::size_t unsynced_bytes = 0;
    std::uint64_t last_token = 0;

    // The open segment.
    JournalRoom room;
    std::uint64_t segment_used_bytes = 0;
    std::uint64_t segment_opened_ms = 0;
    bool segment_has_records = false;

    // Reads.
    std::map<std::uint64_t, PendingRead> reads;  // under way, by read id
    std::deque<std::pair<PendingRead, ReadEffect>> queued_reads;
    std::uint64_t last_read_id = 0;

    // Answers that clients have not taken yet.
    std::map<ConnectionId, std::size_t> reply_bytes;
    std::size_t all_reply_bytes = 0;

    Effects effects;
    std::vector<HealthProblem> storage_problems;
    std::uint64_t next_retention_ms = 0;
    std::uint64_t next_partition_without_key = 0;
    bool shutting_down = false;
};

}  // namespace sedge::node
