// Publishing as a benchmark does it: plain requests of one record, or client batches, to one partition or to many by turns.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "client/cli/bench_arguments.h"
#include "client/cli/bench_driver.h"
#include "client/cli/bench_mesh.h"

namespace sedge::cli {

// What is published; every count is decided here.
struct PublishPlan {
    bool per_request = false;
    std::uint32_t record_bytes = 0;
    std::uint32_t batch_bytes = 0;   // client batches only
    std::uint32_t in_flight = 0;
    std::uint64_t requests = 0;      // in each round
    std::uint32_t partitions = 1;
    Acks acks = Acks::all;
    bool merge = false;              // one answer may cover many requests
};

// The plan that the arguments ask for, with `otherwise` where they say nothing (its `requests` count for its own sizes).
PublishPlan plan_publish(const BenchArguments& arguments, PublishPlan otherwise);

inline constexpr std::uint32_t kLargeRecordBytes = 1024;
PublishPlan default_requests();  // LIMITS.md, P1
PublishPlan default_batches();   // LIMITS.md, P2

// "publish, 100 B records, ...", for reports.
std::string in_words(const PublishPlan& plan);

// Keeps what it lends to zmq: must outlive the mesh's socket.
class PublishLoad : public Load {
  public:
    PublishLoad(const std::string& topic, const PublishPlan& plan);
    void send(zmq::socket_t& socket, std::uint64_t i) override;
    Result<Answered> answered(const zmq::message_t& frame) override;

    std::uint32_t records_per_request() const { return records_per_request_; }
    // What one request makes the broker store: the batch's size, or the value's.
    std::size_t bytes_per_request() const { return bytes_per_request_; }

  private:
    std::vector<RequestTemplate> requests_;  // one for each partition
    Buffer batch_;
    bool apart_ = false;  // the batch goes in a frame of its own, without a copy
    std::uint32_t records_per_request_ = 1;
    std::size_t bytes_per_request_ = 0;
};

// A round of publishing.
Result<Figures> publish(BenchMesh& mesh, PublishLoad& load, const PublishPlan& plan);

}  // namespace sedge::cli
