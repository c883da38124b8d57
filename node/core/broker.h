// The broker's logic as a deterministic, single-threaded state machine: events in, effects out (DESIGN 2).
//
// Life: construct; restore_checkpoint() and restore_entry() with what the journal holds, in order; start(); then events.
// After any number of events the shell takes the effects with take_effects() and carries them out, the writes in order.
// "One loop turn" is what lies between two calls of take_effects(): small requests of a turn are coalesced per partition.
//
// Ack before durable is not possible by accident: an answer to produce is kept in the write's entry of `pending_` and leaves only
// in on_durable().
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "node/core/effects.h"
#include "node/core/options.h"
#include "schema/bytes.h"
#include "schema/response.h"
#include "schema/status.h"

namespace sedge::node {

// A received message whose frames the core may keep: bytes(i) is valid during the call; share(i) gives shared ownership of the
// frame's memory without a copy. The core patches batches in place, so the bytes are mutable and this message is the only owner.
class InboundMessage {
  public:
    virtual ~InboundMessage() = default;
    virtual std::size_t frames() const = 0;
    virtual MutableBytes bytes(std::size_t frame) = 0;
    virtual SharedBytes share(std::size_t frame) = 0;
};

// One line of /metrics: a counter (only grows since the start) or a gauge.
struct Metric {
    std::string name;    // "sedge_produce_records_total"
    std::string help;
    bool counter = false;
    std::vector<std::pair<std::string, std::string>> labels;
    double value = 0;
};

class Broker {
  public:
    explicit Broker(BrokerOptions options);
    ~Broker();
    Broker(const Broker&) = delete;
    Broker& operator=(const Broker&) = delete;

    // --- Restoring, before start() ---
    // The newest checkpoint, then every entry stored after it. storage_failed if the bytes make no sense.
    Status restore_checkpoint(ByteView checkpoint);
    // Of a batch entry `payload` may be just its header (kBatchHeaderBytes).
    Status restore_entry(const JournalEntry& entry, ByteView payload);
    // Damage hides records of the partition up to `end`: no other record may get their offsets.
    void restore_lost(const PartitionId& partition, Offset end);
    // A first write (a roll with a checkpoint) comes out of it: whatever was before, a start appends to a fresh segment. On a full disk
    // it comes once on_room() tells of one; until then nothing can be stored, and reads are served.
    void start(Now now, JournalRoom room);

    // --- Events ---
    // Frames without the routing id.
    void on_message(Now now, const ConnectionId& from, InboundMessage& message);
    // From another node, see peer_envelope.h: the first frame is the header. What is no message of this mesh is dropped and counted.
    void on_peer_message(Now now, InboundMessage& message);
    // The connection to a peer broke. A hint: the peer is probed at once.
    void on_peer_lost(Now now, NodeId peer);
    // All writes up to `token` are stored as they asked for (see JournalWrite::sync).
    void on_durable(Now now, WriteToken token);
    void on_read(Now now, std::uint64_t read_id, ReadResult result);
    void on_reply_taken(const ConnectionId& from, std::size_t reply_bytes);
    void on_room(Now now, JournalRoom room);
    void on_tick(Now now);
    // Problems that the shell knows of (quarantined ranges, ...): replaces the list; shown in cluster_health.
    void on_storage_problems(std::vector<HealthProblem> problems);
    // No new produce from here on (shutting_down); writes under way still complete. Waiting fetches are answered.
    void begin_shutdown(Now now);

    // --- What the shell asks ---
    // Moves out what has gathered. Closes the turn: coalesced records become batches and one write.
    void take_effects(Now now, Effects& out);
    // False: do not read clients until it is true again; what has been read may still be given to on_message.
    bool wants_input() const;
    // True when nothing accepted waits for the disk.
    bool is_idle() const;
    // When on_tick() has something to do next; monotonic.
    std::uint64_t next_tick_ms() const;
    std::vector<Metric> metrics() const;
    std::vector<HealthProblem> health(Now now) const;

    // --- For tests and the simulator's invariants ---
    struct PartitionView {
        PartitionId id;
        std::string topic;
        Offset start, end, high_watermark;
        bool is_kept = false;      // by this node
        // Of a partition that has replicas:
        bool leads = false;        // it may append now
        Epoch epoch;
        std::uint64_t log = 0;     // the id of its log
        std::vector<std::pair<std::uint64_t, std::uint64_t>> isr;  // (node, log) as this node knows it
    };
    std::vector<PartitionView> partitions() const;

  private:
    void add_mesh_metrics(std::vector<Metric>& out) const;
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace sedge::node
