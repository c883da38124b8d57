// The daemon's one thread: feeds the broker with what happens and carries out what it asks for.
//
// A turn: receive some messages, collect what the journal and the clients have finished, tick, carry out the effects. While there
// is work no system call asks for more; only a turn without any sleeps in poll().
#pragma once

#include <poll.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "node/core/broker.h"
#include "node/io/front_door.h"
#include "node/io/journal.h"
#include "node/io/peer_door.h"
#include "node/io/signals.h"
#include "node/io/waker.h"
#include "node/io/wall_clock.h"

namespace sedge::node {

struct EventLoopOptions {
    std::size_t max_turn_messages = 1024;
    std::size_t max_turn_bytes = 1u << 20;
    std::size_t max_turn_peer_messages = 256;
    std::size_t max_turn_peer_bytes = 4u << 20;
    // A turn of so little is committed on the loop's own thread if nothing else is under way: it saves two thread switches.
    std::size_t inline_commit_messages = 4;
    std::size_t inline_commit_bytes = 64u << 10;
    // While the broker takes no input, clients fill zmq's queues, which know no bytes. With more anonymous memory than this the loop
    // reads on all the same, and the broker refuses what is above its budgets. 0: never.
    std::uint64_t max_anonymous_bytes = 0;
    std::uint64_t housekeeping_interval_ms = 1'000;
    std::uint64_t shutdown_limit_ms = 30'000;
};

// All called on the loop's thread.
struct EventLoopHooks {
    std::function<void()> ready = [] {};                // once: the broker answers and its first write is stored
    std::function<void()> reload = [] {};               // SIGHUP
    std::function<void()> stopping = [] {};             // once: a clean end has begun
    std::function<void(Now)> housekeeping = [](Now) {};  // each housekeeping_interval_ms
};

class EventLoop {
  public:
    // What is referred to outlives the loop. `waker` is the one that the journal wakes. `signals` and `peers` may be null.
    EventLoop(EventLoopOptions options, EventLoopHooks hooks, Broker& broker, Journal& journal, FrontDoor& door, Waker& waker,
              WallClock& clock, Signals* signals, PeerDoor* peers = nullptr);

    // Until it was asked to stop and everything accepted is stored. False if that took longer than shutdown_limit_ms.
    bool run();
    // Any thread.
    void request_stop();

    struct Statistics {
        std::uint64_t turns = 0, sleeps = 0, inline_commits = 0, writes = 0, sheddings = 0;
    };
    const Statistics& statistics() const { return counts_; }

  private:
    void turn();
    bool receive();
    bool receive_peers();
    bool reads_clients();
    bool must_shed();
    bool collect();
    bool tick();
    void look_aside(bool poll_says_signal);
    void carry_out();
    bool commit_inline(JournalWrite& write);
    void report_durable(WriteToken token);
    void send(Send&& answer);
    void sleep();
    int sleep_ms();
    void begin_stop();

    const EventLoopOptions options_;
    const EventLoopHooks hooks_;
    Broker& broker_;
    Journal& journal_;
    FrontDoor& door_;
    Waker& waker_;
    WallClock& clock_;
    Signals* const signals_;
    PeerDoor* const peers_;
    const FrontDoor::Taken taken_;

    Now now_;
    ConnectionId from_;
    ZmqInbound message_;
    Effects effects_;
    std::vector<pollfd> polled_;
    std::size_t turn_messages_ = 0;
    WriteToken appended_;
    WriteToken durable_;
    bool ready_ = false;
    bool shedding_ = false;
    std::uint64_t next_memory_check_ms_ = 0;
    bool stopping_ = false;
    std::uint64_t stop_began_ms_ = 0;
    std::uint64_t next_aside_ms_ = 0;
    std::uint64_t next_housekeeping_ms_ = 0;
    std::atomic<bool> stop_requested_{false};
    Statistics counts_;
};

}  // namespace sedge::node
