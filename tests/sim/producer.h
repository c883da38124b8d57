// Producers: plain ones, which send and forget, and idempotent ones, which repeat a batch until they know.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "schema/record_batch.h"
#include "tests/sim/client.h"

namespace sedge::sim {

struct SimRecord {
    std::uint64_t timestamp_ms = 0;
    std::optional<Buffer> key, value;
    std::vector<std::pair<std::string, Buffer>> headers;
};
// With an id in it that no other record of the run has.
SimRecord draw_record(Random& random, const std::string& who, std::uint64_t number, std::uint64_t wall_ms);
void add_to(BatchBuilder& builder, const SimRecord& record);

class PlainProducer : public Client {
  public:
    PlainProducer(World& world, Network& network, const std::string& connection, Random random);
    void begin() override;
    void on_answer(ByteView header, const std::vector<SharedBytes>& body) override;
    bool is_done() const override { return in_flight_.empty(); }

  private:
    void step();
    void produce();

    const bool merges_;
    const std::size_t most_in_flight_;
    std::uint64_t records_made_ = 0;
    std::map<std::uint64_t, std::uint64_t> in_flight_;  // correlation id -> when it was sent
};

class IdempotentProducer : public Client {
  public:
    using Client::Client;
    void begin() override;
    void on_answer(ByteView header, const std::vector<SharedBytes>& body) override;
    bool is_done() const override { return batches_.empty(); }
    std::string describe() const override;

  private:
    struct Batch {
        std::vector<SimRecord> records;
        Codec codec = Codec::none;
        std::uint32_t sequence = 0;
        Buffer bytes;
        std::uint64_t id = 0;          // of the newest request that carries it; 0: to be sent
        std::uint64_t sent_us = 0;
        bool acknowledged = false;
        bool sent_as_oldest = false;   // all before it were acknowledged when it was sent
    };
    void step();
    void add_batch();
    void send_pending();
    void send_again() {
        for (Batch& batch : batches_) batch.id = 0;
    }
    void seal(Batch& batch);
    // A new identity (or a new epoch of the old one): what is not acknowledged is numbered anew.
    void begin_anew(bool keep_id);
    void choose_log();
    void on_refusal(std::size_t index, ErrorCode code);
    // True if the node has no excuse for not knowing this producer.
    bool must_be_known() const;

    std::string topic_;
    PartitionIndex partition_;
    ProducerId producer_;
    std::uint32_t epoch_ = 0;
    std::uint32_t next_sequence_ = 0;
    std::deque<Batch> batches_;  // in the order of their sequences, at most kBatchesInFlight
    std::uint64_t records_made_ = 0;
    std::uint64_t pause_until_us_ = 0;
};

}  // namespace sedge::sim
