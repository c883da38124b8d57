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
    // A record was acknowledged with acks=leader, when the leader of epoch `epoch` answered for the partition.
    void promised_by_leader(const std::string& topic, std::uint32_t partition, std::uint64_t offset, const std::string& value, Epoch epoch);
    // A consumer was told that everything below is committed.
    void shown_watermark(const std::string& topic, std::uint32_t partition, std::uint64_t offset);
    // The whole log, as one replica has it in the end, when `epoch` leads.
    void check_log(const std::string& topic, std::uint32_t partition, const MeshLog& batches, Epoch epoch);

    std::uint64_t acknowledged = 0, read = 0, lost_with_leader = 0;

  private:
    using Log = std::map<std::uint64_t, std::string>;
    using Place = std::pair<std::string, std::uint32_t>;
    struct Promise {
        std::string value;
        Epoch epoch;
    };
    void check_promises(const Place& place, const Log& records, Epoch epoch);

    std::map<Place, Log> logs_;
    std::map<Place, std::uint64_t> watermarks_;
    std::map<Place, std::map<std::uint64_t, Promise>> promises_;
};

}  // namespace sedge::sim
