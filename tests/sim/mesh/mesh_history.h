// What clients of a simulated mesh were told and shown, and what must hold of it for ever.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "schema/bytes.h"
#include "schema/ids.h"
#include "tests/sim/mesh/mesh_node.h"

namespace sedge::sim {

class MeshHistory {
  public:
    // A record was acknowledged with acks=all, or a consumer was shown it: it is at this offset for ever.
    void fixed(const std::string& topic, std::uint32_t partition, std::uint64_t offset, const std::string& value, const char* how);
    // The whole log, as one replica has it in the end.
    void check_log(const std::string& topic, std::uint32_t partition, const MeshLog& batches) const;

    std::uint64_t acknowledged = 0, read = 0;

  private:
    using Log = std::map<std::uint64_t, std::string>;
    std::map<std::pair<std::string, std::uint32_t>, Log> logs_;
};

}  // namespace sedge::sim
