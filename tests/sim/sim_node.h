// The shell of a simulated process: feeds the core and carries out its effects, as node/io/event_loop does with real sockets, and may
// die at any point, also half way through the effects.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "node/core/broker.h"
#include "tests/sim/network.h"
#include "tests/sim/planted_bugs.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_journal.h"
#include "tests/sim/world.h"

namespace sedge::sim {

class SimNode : public Server {
  public:
    SimNode(World& world, Network& network, SimDisk& disk, Random random, PlantedBug bug);
    ~SimNode() override;

    void start();
    // kill -9: what the system has, it keeps.
    void crash();
    void power_cut();
    // Stops taking produce, waits until nothing is under way, and ends.
    void stop_cleanly();
    bool running() const { return broker_ != nullptr; }

    void deliver(const std::string& connection, Frames frames) override;
    void on_reply_taken(std::uint64_t life, const std::string& connection, std::size_t reply_bytes) override;

  private:
    struct Inbound {
        std::string connection;
        Frames frames;
    };
    enum class End : std::uint8_t { crash, power_cut, failed_sync, clean };
    void end(End how);
    void wake_at(std::uint64_t at_us);
    void wake_when_due();
    void turn();
    // Each says false when the process has ended.
    bool take_completions();
    void take_input();
    bool carry_out(node::Effects& effects);
    bool write(node::JournalWrite& write);
    void send(node::Send& send);
    bool dies_here();
    void note_durable(node::WriteToken token);
    void check_budgets();
    void check_gauges() const;
    node::Now now() const;

    World& world_;
    Network& network_;
    SimDisk& disk_;
    Random random_;
    BugLayer bugs_;

    std::uint64_t life_ = 0;
    std::unique_ptr<SimJournal> journal_;
    std::unique_ptr<node::Broker> broker_;
    std::deque<Inbound> inbox_;
    std::uint64_t next_wake_us_ = 0;
    bool stopping_ = false;
    std::uint64_t stop_deadline_us_ = 0;
    std::map<std::string, std::size_t> untaken_;  // reply bytes handed out and not taken, by connection
    std::size_t untaken_total_ = 0;
    std::deque<std::pair<node::WriteToken, std::size_t>> unsynced_;  // record bytes of the writes not yet reported as stored
    std::size_t unsynced_total_ = 0;
    std::uint64_t turns_ = 0;
};

}  // namespace sedge::sim
