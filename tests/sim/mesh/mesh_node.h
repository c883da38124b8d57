// One node of a simulated mesh: its disk, which forgets what was not durable, and the process on it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "node/core/broker.h"
#include "node/core/register_codec.h"
#include "tests/sim/mesh/mesh_run.h"
#include "tests/sim/random.h"

namespace sedge::sim {

using Frames = std::vector<Buffer>;
// A partition's batches by their first offset.
using MeshLog = std::map<std::uint64_t, SharedBytes>;

class MeshNode {
  public:
    // What a node hands to its world.
    struct Outbound {
        std::function<void(std::size_t to, Frames)> to_peer;
        std::function<void(const std::string& client, Buffer header, std::vector<SharedBytes> body)> to_client;
    };

    MeshNode(std::size_t index, Random random, MeshBug bug, Outbound outbound);

    void start(node::Now now, const std::vector<node::Member>& known);
    bool running() const { return broker_ != nullptr; }
    // kill: what was handed to the system may be there afterwards; power cut: only what was synced, and by chance some more.
    void end(bool power_cut);
    // An empty disk under the same name.
    void wipe();
    void pause(std::uint64_t until_us) { paused_until_us_ = until_us; }
    bool paused(std::uint64_t now_us) const { return now_us < paused_until_us_; }

    void on_peer(Frames frames) { peer_inbox_.push_back(std::move(frames)); }
    void on_client(const std::string& client, Frames frames) { client_inbox_.emplace_back(client, std::move(frames)); }
    void on_peer_lost(node::Now now, std::uint64_t id) { broker_->on_peer_lost(now, node::NodeId{id}); }
    // Everything that is due.
    void turn(node::Now now, std::uint64_t now_us);
    std::uint64_t next_us(std::uint64_t now_us) const;

    node::Broker& broker() { return *broker_; }
    const std::string& name() const { return name_; }
    std::uint64_t id() const { return id_; }
    node::Member member() const;
    // The log as the process knows it: what it gave to the disk, durable or not.
    const MeshLog& log(const PartitionId& partition) const;
    // What its acceptor has accepted, as given to the disk.
    std::map<node::RegisterKey, node::ChosenValue> accepted() const;
    // Changes of registers that it proposes right now.
    bool is_proposing() const;
    // Does it know this value of the partition's register to be chosen?
    bool knows_chosen(const PartitionId& partition, ByteView value) const;
    bool is_slow = false;
    std::uint64_t starts() const { return starts_; }

  private:
    struct Write {
        std::vector<node::JournalEntry> entries;
        bool roll = false;
        std::uint64_t token = 0;
        std::uint64_t due_us = 0;
    };
    void restore();
    void carry_out(node::Now now, std::uint64_t now_us);
    std::uint64_t next_sync_us(std::uint64_t now_us);
    void complete(node::Now now, std::uint64_t now_us);
    node::ReadResult find(const node::ReadEffect& read) const;
    static void apply(const node::JournalEntry& entry, std::map<PartitionId, MeshLog>& logs);

    const std::size_t index_;
    Random random_;
    const MeshBug bug_;
    const Outbound outbound_;
    const std::string name_;
    std::uint64_t id_;
    std::uint64_t starts_ = 0, lives_ = 0;
    std::unique_ptr<node::Broker> broker_;
    std::map<PartitionId, MeshLog> logs_;
    std::vector<Write> disk_;       // all that was issued; the first `durable_` are synced
    std::size_t durable_ = 0;
    std::size_t newest_roll_ = 0;
    std::deque<std::pair<std::uint64_t, node::ReadEffect>> reads_;
    std::deque<Frames> peer_inbox_;
    std::deque<std::pair<std::string, Frames>> client_inbox_;
    std::uint64_t paused_until_us_ = 0;
    std::uint64_t sync_ends_us_ = 0, next_sync_ends_us_ = 0;
};

}  // namespace sedge::sim
