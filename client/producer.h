// Publishing records.
//
//     sedge::Producer producer({.nodes = {"edge-1:7701"}}, {});
//     producer.send({.topic = "readings", .key = sedge::as_bytes("pump-7"), .value = sedge::as_bytes("21.5")},
//                   [](const sedge::Delivery& delivery) { if (!delivery.status.ok()) complain(delivery.status.message); });
//     producer.flush(10'000);
//
// Records gather in a batch per partition, which leaves when it is full or `linger_ms` old. Batches of one partition are stored in
// the order of sending and never twice: after a lost answer, a restart or a change of leader they are sent again with the same
// sequence numbers, which the mesh recognises. Every accepted record is reported exactly once: acknowledged, or failed.
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "client/connect_options.h"
#include "client/partitioner.h"
#include "schema/bytes.h"
#include "schema/ids.h"
#include "schema/record_batch.h"
#include "schema/request.h"
#include "schema/status.h"

namespace sedge {

struct ProducerOptions {
    // What an acknowledgement means: read by the node, which may have refused it (none); stored by the leader; on all in-sync replicas.
    Acks acks = Acks::all;
    std::uint32_t linger_ms = 5;        // how long a batch waits for more records; 0: leaves at once
    std::size_t batch_bytes = 256u << 10;  // a batch leaves when it has this size; less if the topic's max_batch_bytes is less
    Codec codec = Codec::none;
    std::size_t buffer_bytes = 32u << 20;  // of records accepted and not yet reported
    enum class WhenFull : std::uint8_t { block, refuse } when_full = WhenFull::block;
    std::uint32_t delivery_timeout_ms = 120'000;  // from send() to the report, retries included
    std::size_t batches_in_flight = 5;  // per partition, at most 5
    // Without it a record may be stored twice after a lost answer; then one batch is in flight, to keep the order.
    bool idempotent = true;                // not with Acks::none
    std::shared_ptr<Partitioner> partitioner;  // null: make_key_hash_partitioner()
};

// Views only: the producer has copied what it needs when send() returns.
struct ProducerRecord {
    std::string_view topic;
    std::optional<ByteView> key{};
    std::optional<ByteView> value{};
    std::vector<RecordHeader> headers{};
    std::optional<std::uint64_t> timestamp_ms{};    // Unix time; absent: now
    std::optional<PartitionIndex> partition{};      // absent: the partitioner chooses
    std::uint64_t tag = 0;                          // the application's own, returned in the Delivery
};

// What became of one record.
struct Delivery {
    Status status;                    // ok: acknowledged
    std::string_view topic;           // lives until the callback returns; with a future: as long as the producer
    PartitionIndex partition;
    Offset offset;                    // when acknowledged; not known with Acks::none
    std::uint32_t durable_copies = 0;
    bool maybe_stored = false;        // failed, but an attempt may have been stored without an answer coming back
    std::uint64_t tag = 0;
};

using DeliveryCallback = std::function<void(const Delivery&)>;

struct ProducerStats {
    std::uint64_t accepted = 0;       // by send()
    std::uint64_t acknowledged = 0;
    std::uint64_t failed = 0;         // reported failed, after send() had accepted them
    std::uint64_t batches_sent = 0;   // attempts
    std::uint64_t batches_retried = 0;
    std::size_t buffered_bytes = 0;
};

// Thread-safe. Callbacks run one at a time, on a thread of the library: keep them short. Inside one, send() may be used, but it
// refuses where it would have to wait.
class Producer {
  public:
    // Does not wait for a connection: the first send() to a topic does.
    explicit Producer(ConnectOptions connect = {}, ProducerOptions options = {});
    // Reports what is not yet acknowledged as failed. Call flush() first.
    ~Producer();
    Producer(const Producer&) = delete;
    Producer& operator=(const Producer&) = delete;

    // Accepts a record; `done`, if any, is called once. A failure here means that the record was not accepted and nothing is called:
    // busy (the buffer is full), record_too_large, unknown_topic, unknown_partition, unreachable, timed_out.
    // The first record of a topic waits until the topic is known.
    Status send(const ProducerRecord& record, DeliveryCallback done = {});
    // As send(), with a future. What send() would refuse is in the Delivery too.
    std::future<Delivery> submit(const ProducerRecord& record);

    // Sends what has gathered without waiting for `linger_ms`. Returns at once.
    void push();
    // push(), and waits until every accepted record is reported. timed_out when some are not yet; they stay under way.
    Status flush(std::uint32_t timeout_ms);
    // Reports everything that is not acknowledged as failed, now.
    void abandon();

    ProducerStats stats() const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sedge
