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
#include "node/core/mesh_state.h"
#include "node/core/peer_envelope.h"
#include "node/core/random.h"
#include "node/core/recent_cache.h"
#include "node/core/replica_log.h"
#include "node/core/replica_role.h"
#include "node/core/segment_budget.h"
#include "node/core/topic_register.h"
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

// The end that a write gives a log: its high watermark, or for a log with replicas what it is durable up to in that epoch.
struct WrittenEnd {
    PartitionId partition;
    Offset end;
    Epoch epoch;  // of the partition's role; 0 without replicas
};

struct PendingWrite {
    WriteToken token;
    std::size_t bytes = 0;                             // counted in unsynced_bytes
    std::vector<ConnectionId> clients;                 // one for each run of answers to the same client
    std::vector<ProduceAnswer> answers;
    std::vector<WrittenEnd> ends;
    std::vector<Send> sends;                           // answers to admin requests
    std::vector<ReleaseRecords> releases;
    std::vector<Registers::Message> register_messages;  // what an acceptor says of what it has stored

    void clear();
    bool has_answers() const { return !answers.empty() || !sends.empty() || !register_messages.empty(); }
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

    void on_client(Now now, const ConnectionId& from, InboundMessage& message);

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
    void on_replicated_append(Partition& partition);
    bool turn_has_work() const;
    void complete(Now now, PendingWrite& write);

    void answer(const ConnectionId& to, std::uint64_t correlation_id, const ResponseBody& body);
    void refuse(const ConnectionId& to, std::uint64_t correlation_id, Status status,
                std::optional<Offset> next_offset = std::nullopt);
    // The same, but once the turn's write is durable.
    void answer_when_durable(const ConnectionId& to, std::uint64_t correlation_id, const ResponseBody& body);
    void send_answers(Now now, PendingWrite& write);
    void deliver(Send send);

    // The turn's write gives this log its present end, and makes its role's epoch durable.
    WrittenEnd& touch(Partition& partition);
    Epoch append_epoch(const Partition& partition) const { return partition.role == nullptr ? options.epoch : partition.role->epoch; }

    // --- broker_mesh.cc: the node in its mesh ---
    std::unique_ptr<Registers> make_registers() const;
    void start_mesh(Now now);
    bool restore_members(ByteView payload);
    void tick_mesh(Now now);
    // Whatever the mesh wants stored, sent and done: into the turn.
    void pump_mesh(Now now);
    // False: there is no room for what is to be stored.
    bool pump_registers(Now now);
    void pump_membership(Now now);
    void store_members(Now now);
    bool is_voter_lost(Now now, AcceptorId id);
    void want_voters(Now now);
    void on_peer(Now now, const PeerEnvelope& envelope, InboundMessage& message);
    void ask_to_join(Now now);
    void on_join_answer(Now now, ByteView payload);
    void on_join(const PeerEnvelope& envelope);
    void send_peer(NodeId to, const std::string& address, PeerKind kind, ByteView payload, std::vector<SharedBytes> body = {});
    void send_peer(NodeId to, PeerKind kind, ByteView payload, std::vector<SharedBytes> body = {});
    void flush_outbox();
    const Member* member(NodeId id) const { return mesh.membership->find(id); }
    // The living node of that name, or else any.
    const Member* member(std::string_view name) const;
    bool is_alive(NodeId id) const;
    std::string name_of(NodeId id) const;
    std::uint64_t next_mesh_tick_ms() const;

    // --- broker_topics.cc: what is agreed about topics, applied here ---
    void apply_news(Now now);
    bool apply_topic(Now now, const TopicRegister& value);
    bool add_topic(Now now, const TopicDescription& description);
    void apply_partition(Now now, const PartitionId& id, ByteView value);
    // Gives the partitions that this node keeps their logs and roles.
    void make_roles(Topic& topic);
    bool keeps_here(const Topic& topic, PartitionIndex partition) const;

    // --- broker_roles.cc: who leads, who follows (DESIGN 7) ---
    void tick_roles(Now now);
    void review(Now now, Partition& partition);
    void change_register(Now now, Partition& partition,
                         std::function<std::optional<PartitionRegister>(const std::optional<PartitionRegister>&)> change);
    void read_register(Now now, Partition& partition);
    void found(Now now, const Topic& topic, Partition& partition);
    void try_take_over(Now now, const Topic& topic, Partition& partition);
    void lead(Now now, const Topic& topic, Partition& partition);
    void follow(Now now, Partition& partition);
    void step_down(Now now, Partition& partition);
    void change_isr(Now now, Partition& partition);
    bool is_gone(NodeId node, std::uint64_t nonce, Now now) const;
    Replica replica_here(const Partition& partition) const { return {options.node_id, partition.log->id}; }
    void restore_preferred(Now now, const Topic& topic, Partition& partition);
    bool resign_all(Now now);
    // A clean end: leadership goes to others, then the mesh is told.
    void hand_over(Now now);

    // --- broker_lead.cc: a leader and its followers ---
    void on_written(Now now, Partition& partition, const WrittenEnd& written);
    void on_follow(Now now, NodeId from, const Follow& follow);
    void on_progress(Now now, NodeId from, const Progress& progress);
    void queue_stream(Partition& partition);
    void stream();
    void stream_to(NodeId node, Partition& partition, FollowerCursor& cursor);
    void send_chunk(NodeId node, Partition& partition, FollowerCursor& cursor, Offset end, std::vector<SharedBytes> frames,
                    bool with_lineage);
    void finish_replica_read(const ReplicaRead& read, ReadResult& result);
    void tick_leader(Now now, Partition& partition);
    void advance(Now now, Partition& partition);
    void release_held(Partition& partition);
    void refuse_held(Partition& partition);
    void refuse_as_leader(Partition& partition, const ConnectionId& to, std::uint64_t correlation_id, Status status,
                          std::optional<Offset> next_offset);
    void release_refusals(Partition& partition);
    void hold_answer(Partition& partition, HeldAnswer answer);

    // --- broker_follow.cc: a follower and its leader ---
    void ask_to_follow(Now now, Partition& partition);
    void on_chunks(Now now, const PeerEnvelope& envelope, InboundMessage& message);
    void on_chunk(Now now, NodeId from, std::uint64_t nonce, const Chunk& chunk, std::vector<SharedBytes> frames);
    bool rejoin(Now now, Partition& partition, const Chunk& chunk);
    bool begin_log(Now now, Partition& partition, Offset at);
    bool append_copy(Now now, Topic& topic, Partition& partition, SharedBytes frame);
    void report_progress(Partition& partition);
    void tick_follower(Now now, Partition& partition);
    void follow_watermark(Now now, Partition& partition);

    // --- broker_forward.cc: requests that another node answers ---
    // True: the partition's leader is elsewhere, and the request was sent there or refused.
    bool route(Now now, const ConnectionId& from, const Request& request, InboundMessage& message);
    std::optional<PartitionRegister> chosen_register(const PartitionId& id) const;
    std::optional<NodeId> leader_of(const Topic& topic, PartitionIndex partition) const;
    bool leads_here(const Topic& topic, PartitionIndex partition) const;
    void on_forward_request(Now now, const PeerEnvelope& envelope, InboundMessage& message);
    void on_forward_reply(Now now, const PeerEnvelope& envelope, InboundMessage& message);
    void expire_forwarded(Now now);

    // --- broker_produce.cc ---
    void on_produce(Now now, const ConnectionId& from, const Request& request, InboundMessage& message);
    Status produce(Now now, const ConnectionId& from, const Request& request, InboundMessage& message);
    Status produce_plain(Now now, const ConnectionId& from, const Request& request, Topic& topic);
    Status produce_batch(Now now, const ConnectionId& from, const Request& request, Topic& topic, InboundMessage& message,
                         std::size_t frame, std::size_t at);
    Status admit(const ConnectionId& from) const;
    Status admit_replicated(const Topic& topic, const Partition& partition, Acks acks) const;
    PartitionIndex choose_partition(const ProduceRequest& produce, const Topic& topic) const;
    // `end`: of the records that are answered.
    void answer_produce(const ConnectionId& to, const Request& request, const Topic& topic, Partition& partition, Offset end,
                        const ProduceResponse& response);

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
    void change_topic(Now now, const ConnectionId& from, const Request& request, std::string_view name,
                      std::function<std::optional<TopicRegister>(const std::optional<TopicRegister>&)> change,
                      std::function<void(Now, const std::optional<TopicRegister>&)> done);
    void answer_made(Now now);
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
    PartitionInfo describe(const Topic& topic, const Partition& partition) const;
    std::vector<NodeInfo> nodes() const;
    void add_replica_metrics(const Topic& topic, const Partition& partition, std::vector<Metric>& out) const;
    void add_partition_problems(std::vector<HealthProblem>& all) const;
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
    MeshState mesh;
    std::vector<HealthProblem> storage_problems;
    std::uint64_t restore_gaps = 0;  // entries that the journal lost, as seen while restoring
    std::uint64_t next_retention_ms = 0;
    bool shutting_down = false;
};

// The connection of a request that another node sent on, and where its answer goes (broker_forward.cc).
bool is_forwarded(const ConnectionId& id);
std::pair<NodeId, std::uint64_t> forwarded_from(const ConnectionId& id);
// Where a follower's log goes on from: the end of what it shares with the leader's, which reaches from `start` to `end`.
Offset rejoin_point(const Lineage& mine, Offset start, Offset end, const Lineage& theirs, Offset their_end);

// What many refuse with.
Status no_topic(std::string_view name);
Status no_partition(const Topic& topic);

}  // namespace sedge::node
