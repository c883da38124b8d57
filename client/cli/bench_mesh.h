// A benchmark's way to the mesh: one DEALER to one node, used by hand, and topics of its own.
#pragma once

#include <cstdint>
#include <string>
#include <zmq.hpp>

#include "client/cli/bench_arguments.h"
#include "client/cli/bench_driver.h"
#include "client/cli/context.h"
#include "schema/request.h"
#include "schema/response.h"

namespace sedge::cli {

class BenchMesh {
  public:
    // Connects to the first of the nodes.
    explicit BenchMesh(const Context& context);

    // Asks and waits. An ErrorResponse comes as its status.
    Result<ResponseBody> call(const RequestBody& request);
    zmq::socket_t& socket() { return socket_; }

  private:
    std::string endpoint_;
    std::uint32_t timeout_ms_;
    zmq::context_t zmq_;
    zmq::socket_t socket_;
    std::uint64_t next_id_ = 0;  // far below RequestTemplate::kFirstId
};

// The topic that was named, or one of a random name that is gone when this is.
class BenchTopic {
  public:
    static Result<BenchTopic> create(BenchMesh& mesh, const std::string& name, std::uint32_t partitions,
                                     const std::string& durability = "fsync", std::uint32_t replicas = 1);
    BenchTopic(BenchTopic&& other) noexcept : mesh_(other.mesh_), name_(std::move(other.name_)), own_(std::exchange(other.own_, false)) {}
    BenchTopic& operator=(BenchTopic&&) = delete;
    ~BenchTopic();
    const std::string& name() const { return name_; }

  private:
    BenchTopic(BenchMesh& mesh, std::string name, bool own) : mesh_(mesh), name_(std::move(name)), own_(own) {}
    BenchMesh& mesh_;
    std::string name_;
    bool own_;
};

Acks acks_from(const std::string& text);

}  // namespace sedge::cli
