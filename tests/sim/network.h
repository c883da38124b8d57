// Carries messages between the clients and the node: late, twice, in another order, or not at all.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "node/core/effects.h"
#include "tests/sim/world.h"

namespace sedge::sim {

using Frames = std::vector<Buffer>;

class Endpoint {
  public:
    virtual ~Endpoint() = default;
    virtual void on_answer(ByteView header, const std::vector<SharedBytes>& body) = 0;
};

// The node's side.
class Server {
  public:
    virtual ~Server() = default;
    virtual void deliver(const std::string& connection, Frames frames) = 0;
    // `life`: which life of the process sent it.
    virtual void on_reply_taken(std::uint64_t life, const std::string& connection, std::size_t reply_bytes) = 0;
};

class Network {
  public:
    Network(World& world, Random random) : world_(world), random_(random) {}

    void set_server(Server* server) { server_ = server; }
    void attach(const std::string& connection, Endpoint* client) { clients_[connection].endpoint = client; }
    void to_node(const std::string& connection, Frames frames);
    void to_client(std::uint64_t life, node::Send send);
    // The client takes nothing until then; what is sent to it waits.
    void stall(const std::string& connection, std::uint64_t until_us) { clients_[connection].stalled_until_us = until_us; }

  private:
    struct Peer {
        Endpoint* endpoint = nullptr;
        std::uint64_t stalled_until_us = 0;
        std::uint64_t last_arrival_us = 0;  // at either side; only a reordered message overtakes
    };
    struct Delivery {
        std::uint64_t life;
        node::Send send;
        bool lost;
        bool twice;
    };
    std::uint64_t arrival(std::uint64_t& last_us);
    void arrive(const std::shared_ptr<Delivery>& delivery);

    World& world_;
    Random random_;
    Server* server_ = nullptr;
    std::map<std::string, Peer> clients_;
    std::map<std::string, std::uint64_t> to_node_last_us_;
};

}  // namespace sedge::sim
