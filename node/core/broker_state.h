// The broker's state and the steps that its parts share. Only broker*.cc includes this.
//
// A turn gathers changes into one journal write. Invariants: whatever waits for a write's durability stands in that write's PendingWrite
// and leaves only in on_durable(); and a checkpoint is taken before the first change of the write that carries it.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "node/core/broker.h"
#include "node/core/byte_pool.h"
#include "node/core/catalogue.h"
#include "node/core/client_accounts.h"
#include "node/core/coalescer.h"
#include "node/core/fetch_waiters.h"
#include "node/core/random.h"
#include "node/core/recent_cache.h"
#include "node/core/segment_budget.h"
#include "schema/request.h"
#include "schema/response.h"

namespace sedge::node {

// An answer to one produce request, or to several (see ProduceResponse::count). Small: there is one a record in the worst case.
struct ProduceAnswer {
    std::uint32_t client = 0;  // which of PendingWrite::clients
    bool may_merge = false;
    const Topic* topic = nullptr;  // only to tell topics apart: it may be gone
    std::uint64_t correlation_id = 0;
    ProduceResponse response;
};

struct PendingWrite {
    WriteToken token;
    std::size_t bytes = 0;                             // counted in unsynced_bytes
    std::vector<ConnectionId> clients;                 // one for each run of answers to the same client
    std::vector<ProduceAnswer> answers;
    std::vector<std::pair<PartitionId, Offset>> ends;  // the high watermarks that the write makes
    std::vector<Send> sends;                           // answers to admin requests
    std::vector<ReleaseRecords> releases;

    void clear();
    bool has_answers() const { return !answers.empty() || !sends.empty(); }
    // `later`'s answers rest on this write too.
    void take_answers(PendingWrite& later);
};

// A question about a record's time that waits for the disk.
struct TimeLookup {
    ConnectionId from;
    std::uint64_t correlation_id = 0;
    PartitionId partition;
    std::uint64_t timestamp_ms = 0;
};
using PendingRead = std::variant<PendingFetch, TimeLookup>;

struct ReadUnderWay {
    PendingRead read;
    std::size_t reserved_bytes = 0;  // of the client's account
};

struct Counters {
    std::uint64_t produce_requests = 0, produced_records = 0, produced_batches = 0, produced_bytes = 0;
    std::uint64_t duplicates = 0, answers_merged = 0;
    std::uint64_t fetch_requests = 0, fetched_bytes = 0, cold_reads = 0, other_requests = 0;
    std::uint64_t undecodable = 0;  // messages that no answer was possible to
    std::uint64_t rolls = 0, records_expired = 0;
    std::map<ErrorCode, std::uint64_t> errors;
};

struct Broker::State {
    explicit State(BrokerOptions broker_options);

    // --- broker_turn.cc: turns, writes and answers ---
    // Makes sure that entries of `entry_bytes` more can be stored; may end the turn and roll. An error: nothing can be stored now.
    // `admin`: may use the reserve.
    Status make_room(Now now, std::uint64_t entry_bytes, bool admin);
    void roll(Now now);
    void add_entry(JournalEntry entry);
    void close_batches(Now now);
    void close_batch(Now now, Partition& partition);
    void append_gathered(Now now, Topic& topic, Partition& partition, Buffer batch);
    void append_batch(Topic& topic, Partition& partition, SharedBytes bytes, const BatchHeader& header);
    void close_turn(Now now);
    bool turn_has_work() const;
    void complete(Now now, PendingWrite& write);

    void answer(const ConnectionId& to, std::uint64_t correlation_id, const ResponseBody& body);
    void refuse(const ConnectionId& to, std::uint64_t correlation_id, Status status,
                std::optional<Offset> next_offset = std::nullopt);
    // The same, but once the turn's write is durable.
    void answer_when_durable(const ConnectionId& to, std::uint64_t correlation_id, const ResponseBody& body);
    void send_answers(PendingWrite& write);
    void deliver(Send send);

    // --- broker_produce.cc ---
    void on_produce(Now now, const ConnectionId& from, const Request& request, InboundMessage& message);
    Status produce(Now now, const ConnectionId& from, const Request& request, InboundMessage& message);
    Status produce_plain(Now now, const ConnectionId& from, const Request& request, Topic& topic);
    Status produce_batch(Now now, const ConnectionId& from, const Request& request, Topic& topic, InboundMessage& message,
                         std::size_t frame, std::size_t at);
    Status admit(const ConnectionId& from) const;
    PartitionIndex choose_partition(const ProduceRequest& produce, const Topic& topic) const;
    void answer_produce(const ConnectionId& to, const Request& request, const Topic& topic, const ProduceResponse& response);

    // --- broker_fetch.cc ---
    void on_fetch(Now now, const ConnectionId& from, const Request& request);
    // Answers, or starts a cold read, or (if `may_wait`) parks it.
    void serve(PendingFetch fetch, bool may_wait);
    // nullptr: it was refused.
    Partition* check_range(const PendingFetch& fetch);
    void serve_batches(const PendingFetch& fetch, const Partition& partition, std::vector<SharedBytes> batches);
    void serve_plain(const PendingFetch& fetch, const Partition& partition, const std::vector<SharedBytes>& batches);
    void wake_waiters(Now now, Partition& partition);
    void on_list_offsets(const ConnectionId& from, const Request& request);

    // --- broker_reads.cc: reads from the disk ---
    void start_read(PendingRead read);
    void start_queued_reads();
    bool start_fetch(PendingFetch& fetch);
    bool start_lookup(TimeLookup& lookup);
    void finish(const PendingFetch& fetch, ReadResult& result);
    void finish(const TimeLookup& lookup, const ReadResult& result);

    // --- broker_admin.cc ---
    void on_create_topic(Now now, const ConnectionId& from, const Request& request);
    void on_alter_topic(Now now, const ConnectionId& from, const Request& request);
    void on_delete_topic(Now now, const ConnectionId& from, const Request& request);
    void forget_topic(Topic& topic);
    void apply_retention(Now now);
    TopicId new_topic_id();

    // --- broker_describe.cc: answers about topics and the node ---
    void on_describe_topic(const ConnectionId& from, const Request& request);
    void on_metadata(const ConnectionId& from, const Request& request);
    void on_hello(const ConnectionId& from, const Request& request);
    void on_cluster_info(const ConnectionId& from, const Request& request);
    void on_cluster_health(const ConnectionId& from, const Request& request);
    TopicInfo describe(const Topic& topic, bool with_offsets) const;
    NodeInfo this_node() const;
    std::vector<HealthProblem> problems() const;

    std::string node_name() const { return "node '" + options.node_name + "'"; }
    void on_append(const Topic& topic, Partition& partition, const BatchHeader& header) {
        partition.on_append(header, topic.retention(), producer_limits, known_producers);
    }

    const BrokerOptions options;
    const ProducerLimits producer_limits;
    Random random;
    Catalogue catalogue;
    std::size_t known_producers = 0;  // over all partitions
    RecentCache recent;
    FetchWaiters waiters;
    ClientAccounts accounts;
    Counters counters;

    // The turn in the making.
    std::uint64_t turn_number = 1;
    bool turn_rolls = false;
    bool turn_syncs = false;
    std::uint64_t turn_entry_bytes = 0;  // what its entries take at most so far, the open batches included
    std::vector<JournalEntry> turn_entries;
    PendingWrite turn;
    Coalescer coalescer;
    BytePool pool;
    std::vector<RecordHeader> headers;  // of the record at hand

    // Writes on their way to the disk, oldest first.
    std::deque<PendingWrite> pending;
    std::vector<PendingWrite> spare_pending;  // with their vectors' memory
    std::size_t unsynced_bytes = 0;           // of `pending`; the turn's own are in turn.bytes
    std::uint64_t last_token = 0;
    SegmentBudget segment;

    // Reads from the disk.
    std::map<std::uint64_t, ReadUnderWay> reads;  // by read id
    std::deque<PendingRead> queued_reads;
    std::uint64_t last_read_id = 0;

    Effects effects;
    std::vector<HealthProblem> storage_problems;
    std::uint64_t restore_gaps = 0;  // entries that the journal lost, as seen while restoring
    std::uint64_t next_retention_ms = 0;
    bool shutting_down = false;
};

// What many refuse with.
Status no_topic(std::string_view name);
Status no_partition(const Topic& topic);

}  // namespace sedge::node
