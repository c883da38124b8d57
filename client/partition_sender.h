// Batches of one partition on their way: order, sequence numbers, retries. A pure state machine, so that it is tested without
// sockets; internal to libsedge.
//
// What is kept at every moment:
//  - Batches carry consecutive sequences of one producer epoch, and the newest is less than `max_in_flight` batches ahead of the oldest
//    that is not acknowledged: that far back a node remembers, also when the answers between have come in.
//  - When one fails in a way that may pass, nothing new leaves until the answers of all others are in; then all that are open go
//    again, oldest first, with the sequences that they had. The node recognises those it has, and so keeps the order.
//  - A batch that is given up leaves a gap in the sequence. What follows goes on in a new producer epoch from 0 - unless it may have
//    been stored under its old number: then it is given up too, because under a new one it might be stored twice.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "client/producer.h"
#include "schema/bytes.h"
#include "schema/record_batch.h"
#include "schema/response.h"

namespace sedge {

struct OutgoingBatch {
    explicit OutgoingBatch(Codec codec) : builder(codec) {}

    struct Report {
        std::uint64_t tag = 0;
        DeliveryCallback done;
    };

    BatchBuilder builder;          // until it gets its sequence
    std::vector<Report> reports;   // one a record
    std::size_t budget_bytes = 0;  // of the producer's buffer
    std::uint64_t leaves_ms = 0;   // when its linger ends
    std::uint64_t deadline_ms = 0; // when it is given up

    SharedBytes bytes;             // finished
    std::uint32_t sequence = 0;
    std::uint64_t number = 0;      // of the batch, counted without gaps
    std::uint32_t attempts = 0;
    std::uint64_t attempt = 0;     // the one under way; 0: none
    bool maybe_stored = false;     // an earlier attempt had no answer
    bool after_gap = false;        // a batch before it was given up: it needs a new number
    std::uint32_t count() const { return static_cast<std::uint32_t>(reports.size()); }
};

class PartitionSender {
  public:
    struct Options {
        ProducerId producer_id;            // 0: not idempotent
        std::size_t max_in_flight = 5;
        std::uint32_t retry_min_ms = 20;
        std::uint32_t retry_max_ms = 1'000;
    };
    // Sends the batch's bytes. The answer comes to on_answer() with `attempt`.
    using Transmit = std::function<void(const OutgoingBatch& batch, std::uint64_t attempt)>;
    // The batch is done; `stored` is there if the status is ok.
    using Deliver = std::function<void(OutgoingBatch& batch, const Status& status, const ProduceResponse* stored)>;

    PartitionSender(Options options, Transmit transmit, Deliver deliver);

    // May another batch be given to send()?
    bool has_room() const;
    // Numbers, finishes and transmits a batch. Requires has_room().
    void send(std::unique_ptr<OutgoingBatch> batch);
    // `maybe_done`: there was no answer, but the node may have got the request.
    void on_answer(std::uint64_t now_ms, std::uint64_t attempt, const Status& status, bool maybe_done, const ProduceResponse* stored);
    // Sends again what is due, gives up what is overdue. Returns when it wants to be called next.
    std::uint64_t work(std::uint64_t now_ms);
    // Gives up everything.
    void abandon(const Status& status);

    bool idle() const { return in_flight_.empty(); }
    std::uint64_t retries() const { return retries_; }

  private:
    void transmit(OutgoingBatch& batch);
    void on_sequence_refused(OutgoingBatch& batch, const Status& status);
    void give_up(std::size_t index, const Status& status);
    void give_up_overdue(std::uint64_t now_ms);
    void restart_numbering();
    bool waits_for_answers() const;

    const Options options_;
    const Transmit transmit_;
    const Deliver deliver_;
    std::deque<std::unique_ptr<OutgoingBatch>> in_flight_;  // in order of sequence
    std::uint32_t epoch_ = 0;
    std::uint32_t next_sequence_ = 0;
    std::uint64_t next_number_ = 0;
    std::uint64_t last_attempt_ = 0;
    bool recovering_ = false;     // wait for all answers, then send all again
    bool gap_ = false;            // what is numbered next follows a gap
    std::uint64_t retry_at_ms_ = 0;
    std::uint32_t pause_ms_ = 0;
    std::uint64_t retries_ = 0;
    Status last_failure_;
};

}  // namespace sedge
