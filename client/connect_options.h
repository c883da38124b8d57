// How a client finds the mesh. Part of the public face of libsedge.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sedge {

struct ConnectOptions {
    // Any nodes of the mesh, as "host:port" or "tcp://host:port". One that answers is enough; when it stops answering, the
    // next one is tried, round and round.
    std::vector<std::string> nodes = {"127.0.0.1:7701"};
    // One attempt of one request: after this time without an answer the node is taken for silent and left for the next.
    std::uint32_t request_timeout_ms = 10'000;
    // A request that finds no node to connect to for this long fails as `unreachable`.
    std::uint32_t connect_timeout_ms = 10'000;
    // Wait between two attempts to connect: doubles from the first to the second.
    std::uint32_t reconnect_min_ms = 20;
    std::uint32_t reconnect_max_ms = 1'000;
};

// "host:port,tcp://host:port" as its parts; empty parts are left out.
std::vector<std::string> split_nodes(const std::string& list);

}  // namespace sedge
