// What HTTP shows of the node. The event loop publishes a snapshot each second; other threads only read those.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "node/core/broker.h"
#include "node/io/event_loop.h"
#include "node/io/front_door.h"
#include "node/io/http_server.h"
#include "node/io/journal.h"
#include "node/io/peer_door.h"

namespace sedge::node {

// The shell's own metrics, to stand beside Broker::metrics(). Event loop only.
std::vector<Metric> shell_metrics(const FrontDoor::Statistics& door, const PeerDoor::Statistics& peers,
                                  const EventLoop::Statistics& loop, const Journal::Statistics& journal);

struct Snapshot {
    std::uint64_t made_at_ms = 0;  // monotonic
    std::string metrics;           // Prometheus text
    std::vector<HealthProblem> problems;
    bool stopping = false;
};

class SnapshotBoard {
  public:
    // Without a newer snapshot for so long the event loop counts as stuck.
    static constexpr std::uint64_t kStuckAfterMs = 10'000;

    void publish(Snapshot snapshot);
    // /healthz: 200 with status ok or degraded (and why), 503 while starting, stopping or stuck. /metrics. Any thread.
    HttpResponse answer(std::string_view path, std::uint64_t now_ms) const;

  private:
    std::shared_ptr<const Snapshot> current() const;
    mutable std::mutex mutex_;
    std::shared_ptr<const Snapshot> snapshot_;
};

}  // namespace sedge::node
