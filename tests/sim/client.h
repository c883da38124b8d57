// What all simulated clients have in common: a connection, correlation ids, and topics that they share with the others.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "schema/request.h"
#include "schema/response.h"
#include "tests/sim/api_index.h"
#include "tests/sim/network.h"
#include "tests/sim/world.h"

namespace sedge::sim {

class Client : public Endpoint {
  public:
    Client(World& world, Network& network, std::string connection, Random random)
        : world_(world), network_(network), connection_(std::move(connection)), random_(random) {
        network_.attach(connection_, this);
    }
    virtual void begin() = 0;
    // Nothing new from here on: true once everything begun has ended.
    virtual bool is_done() const = 0;
    // For the report, when it does not end.
    virtual std::string describe() const { return connection_; }
    const std::string& connection() const { return connection_; }

  protected:
    // A request with its body behind the header or in a frame of its own. Returns its correlation id.
    std::uint64_t send(const RequestBody& request, ByteView body = {}) {
        const std::uint64_t id = ++last_id_;
        Frames frames(1);
        encode_request(id, request, frames[0]);
        if (!body.empty() && random_.one_in(2))
            frames[0].insert(frames[0].end(), body.begin(), body.end());
        else if (!body.empty())
            frames.emplace_back(body.begin(), body.end());
        network_.to_node(connection_, std::move(frames));
        return id;
    }
    void after(std::uint64_t delay_us, EventQueue::Action action) { world_.after(delay_us, std::move(action)); }
    std::uint64_t pause_us() {
        constexpr std::uint64_t kCalmPauseUs = 20'000;  // only time-outs are left to be looked after
        return world_.calm ? kCalmPauseUs : random_.between(world_.settings.think_us / 2, world_.settings.think_us * 2);
    }
    std::string any_topic() { return "t" + std::to_string(random_.below(world_.settings.topic_names)); }
    PartitionIndex any_partition() { return {static_cast<std::uint32_t>(random_.below(world_.settings.partitions))}; }

    World& world_;
    Network& network_;
    const std::string connection_;
    Random random_;

  private:
    std::uint64_t last_id_ = 0;
};

}  // namespace sedge::sim
