// sedged: composes one node from its parts, runs it, and ends it. What can go wrong here is one clear line and an exit status.
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "node/core/broker.h"
#include "node/io/admin.h"
#include "node/io/config.h"
#include "node/io/event_loop.h"
#include "node/io/front_door.h"
#include "node/io/http_server.h"
#include "node/io/join.h"
#include "node/io/journal.h"
#include "node/io/log.h"
#include "node/io/metrics_text.h"
#include "node/io/node_identity.h"
#include "node/io/peer_door.h"
#include "node/io/process.h"
#include "node/io/service_notify.h"
#include "node/io/signals.h"
#include "node/io/waker.h"
#include "node/io/wall_clock.h"

namespace sedge::node {
namespace {

constexpr int kFailure = 1;
constexpr int kStorageFailure = 74;  // EX_IOERR: the journal could not be trusted any more
constexpr std::size_t kOtherDescriptors = 64 + 64 + 256;  // segments open for reads; libraries, HTTP, the journal; a full backlog
constexpr std::uint64_t kTrimIntervalMs = 2'000;
constexpr std::uint64_t kReadAheadBytes = 24u << 20;  // of requests that zmq may hold beside the broker's budgets
constexpr std::uint64_t kLeastSegmentBytes = 8u << 20;
constexpr std::uint64_t kDiskParts = 64;  // a journal file is at most this part of the disk
constexpr int kHttpBacklog = 16;

std::uint64_t default_segment_bytes(const std::string& directory) {
    struct statvfs disk {};
    const std::uint64_t usual = BrokerOptions{}.segment_bytes;
    if (::statvfs(directory.c_str(), &disk) != 0) return usual;
    const std::uint64_t total = static_cast<std::uint64_t>(disk.f_blocks) * disk.f_frsize;
    const std::uint64_t part = total / kDiskParts / kLeastSegmentBytes * kLeastSegmentBytes;
    return std::clamp(part, kLeastSegmentBytes, usual);
}

// How many clients may connect, given the descriptors that there are.
std::size_t allowed_connections(std::size_t wanted) {
    const std::size_t descriptors = reserve_descriptors(wanted + kOtherDescriptors);
    if (descriptors >= wanted + kOtherDescriptors) return wanted;
    const std::size_t allowed = descriptors > 2 * kOtherDescriptors ? descriptors - kOtherDescriptors : descriptors / 2;
    log_warning("fewer_connections", {{"max_connections", wanted}, {"allowed", allowed}, {"open_files", descriptors},
                                      {"hint", "raise the limit of open files"}});
    return allowed;
}

// `port`: another one than that of the advertised address; 0: the same.
HostPort advertised(const NodeConfig& config, const HostPort& listening, std::uint16_t port = 0) {
    HostPort address = config.advertise.value_or(listening);
    if (port != 0) address = {config.advertise ? config.advertise->host : listening.host, port};
    // An address that means "every" is no address that a client can connect to.
    if (address.host == "*" || address.host == "0.0.0.0" || address.host == "::") address.host = config.name;
    return address;
}

BrokerOptions broker_options(const NodeConfig& config, const NodeIdentity& identity, const HostPort& listening, const HostPort& peers,
                             std::uint64_t start_nonce) {
    BrokerOptions options = config.broker;
    options.node_name = identity.node_name;
    options.mesh_id = identity.mesh_id;
    options.node_id = NodeId{identity.node_id};
    options.starts = identity.starts;
    options.start_nonce = start_nonce;
    options.founds = identity.founded;
    options.labels = config.labels;
    for (const HostPort& each : config.join)
        options.join_addresses.push_back("tcp://" + to_string(HostPort{each.host, static_cast<std::uint16_t>(each.port + 1)}));
    options.peer_address = "tcp://" + to_string(advertised(config, peers, peers.port));
    options.advertised_address = "tcp://" + to_string(advertised(config, listening));
    options.random_seed = random_bits();
    options.epoch = Epoch{static_cast<std::uint32_t>(identity.starts)};
    options.segment_bytes = config.segment_bytes.value_or(default_segment_bytes(config.data_directory));
    return options;
}

[[noreturn]] void storage_failed(const std::string& what) {
    // Nothing of this process can be believed after a failed sync: no destructor may write another byte (DESIGN 3).
    log_error("storage_failed", {{"what", what}, {"hint", "check the disk; the node starts again from what is safely stored"}});
    std::_Exit(kStorageFailure);
}

int fail(const Status& status) {
    log_error("cannot_start", {{"reason", status.message}});
    return kFailure;
}

ReplyLedger::Limits reply_limits(const BrokerOptions& broker) {
    // The broker refuses work before these are reached; they catch what it cannot refuse, small answers without end.
    return {broker.max_reply_bytes_per_connection + broker.max_reply_bytes_per_connection / 2,
            broker.max_reply_bytes + broker.max_reply_bytes / 3, 64u << 10};
}

// What the journal must keep: everything else in it belongs to deleted topics or has expired.
std::vector<ReleaseRecords> living_partitions(const Broker& broker) {
    std::vector<ReleaseRecords> live;
    for (const Broker::PartitionView& partition : broker.partitions()) live.push_back({partition.id, partition.start});
    return live;
}

class Node {
  public:
    Node(std::vector<std::string> arguments, NodeConfig config, Signals& signals)
        : arguments_(std::move(arguments)), config_(std::move(config)), signals_(signals), clock_(config_.trust_clock) {}

    int run() {
        if (auto status = open(); status.code == ErrorCode::shutting_down) {
            log_info("stopped", {{"clean", "true"}, {"reason", status.message}});
            return 0;
        } else if (!status.ok()) {
            return fail(status);
        }
        EventLoopOptions options;
        const BrokerOptions& budgets = config_.broker;
        options.max_anonymous_bytes = budgets.recent_bytes + 2 * budgets.max_unsynced_bytes + budgets.max_reply_bytes + kReadAheadBytes;
        EventLoop loop(options, hooks(), *broker_, *journal_, *door_, waker_, clock_, &signals_, peers_.get());
        loop_ = &loop;
        const bool clean = loop.run();
        http_.reset();
        door_.reset();
        peers_.reset();
        if (!clean) {
            log_error("stopped", {{"clean", "false"}, {"reason", "writes did not end in time"}});
            std::_Exit(kFailure);
        }
        journal_->close();
        log_info("stopped", {{"clean", "true"}});
        return 0;
    }

  private:
    // In this order: a second daemon is told so before it touches anything, a taken port is noticed before the journal is read.
    Status open() {
        auto directory = DataDirectory::open(config_.data_directory, config_.name);
        if (!directory.ok()) return directory.status();
        directory_ = std::make_unique<DataDirectory>(std::move(directory).value());

        FrontDoorOptions door;
        door.listen = config_.listen;
        door.max_connections = allowed_connections(config_.max_connections);
        door.replies = reply_limits(config_.broker);
        auto opened = FrontDoor::open(door);
        if (!opened.ok()) return opened.status();
        door_ = std::move(opened).value();
        PeerDoorOptions peers;
        peers.listen = config_.peer_address();
        auto peer_door = PeerDoor::open(peers);
        if (!peer_door.ok()) return peer_door.status();
        peers_ = std::move(peer_door).value();
        if (auto status = open_http(); !status.ok()) return status;
        options_ = broker_options(config_, directory_->identity(), door_->address(), peers_->address(), random_bits());
        if (auto status = find_mesh(); !status.ok()) return status;
        return open_journal();
    }

    // A node without a mesh joins one, or founds one if it was told of none.
    Status find_mesh() {
        if (directory_->identity().mesh_id != kNoMesh) return {};
        std::string mesh_id = DataDirectory::new_mesh_id();
        if (!config_.join.empty()) {
            JoinOptions join;
            join.members = config_.join;
            join.start_nonce = options_.start_nonce;
            NodeFacts facts{options_.node_name, options_.advertised_address, options_.peer_address, {}, options_.software,
                            options_.labels, options_.start_nonce, {}};
            join.self = {options_.node_id, options_.starts << 32, MemberState::alive, std::move(facts)};
            auto answer = join_mesh(join, *peers_, clock_, signals_);
            if (!answer.ok()) return answer.status();
            mesh_id = answer->mesh_id;
            options_.known_members = std::move(answer->members);
        }
        options_.mesh_id = mesh_id;
        log_info(config_.join.empty() ? "founded" : "joined", {{"mesh", mesh_id}});
        options_.founds = config_.join.empty();
        return directory_->adopt_mesh(mesh_id, options_.founds);
    }

    Status open_http() {
        if (!config_.http) return {};
        HostPort address = config_.http_address();
        auto listener = Listener::open(address, kHttpBacklog);
        if (!listener.ok()) return listener.status();
        http_ = std::make_unique<HttpServer>(std::move(listener).value(), [this](std::string_view path) {
            WallClock clock(true);
            return board_.answer(path, clock.now().monotonic_ms);
        });
        return {};
    }

    Status open_journal() {
        const BrokerOptions& options = options_;
        broker_ = std::make_unique<Broker>(options);
        JournalOptions journal;
        journal.directory = directory_->journal_path();
        journal.segment_bytes = options.segment_bytes;
        journal.read_threads = config_.read_threads;
        journal.wake = [this] { waker_.wake(); };
        journal.fatal = [](const std::string& what) { storage_failed(what); };
        auto opened = Journal::open(std::move(journal));
        if (!opened.ok()) return opened.status();
        journal_ = std::move(opened).value();
        const RecoverySink sink{
            [this](ByteView checkpoint) { return broker_->restore_checkpoint(checkpoint); },
            [this](const JournalEntry& entry, ByteView payload) { return broker_->restore_entry(entry, payload); },
            [this](const PartitionId& partition, Offset end) { broker_->restore_lost(partition, end); }};
        if (auto status = journal_->recover(sink); !status.ok()) return status;
        journal_->retain(living_partitions(*broker_));
        journal_->start();
        broker_->on_storage_problems(journal_->problems());
        broker_->start(clock_.now(), journal_->collect().room);
        return {};
    }

    EventLoopHooks hooks() {
        EventLoopHooks made;
        made.ready = [this] { ready(); };
        made.reload = [this] { reload(); };
        made.stopping = [this] {
            stopping_ = true;
            log_info("stopping");
            notify_service("STOPPING=1");
        };
        made.housekeeping = [this](Now now) { housekeeping(now); };
        return made;
    }

    void ready() {
        const std::string clients = "tcp://" + to_string(door_->address());
        log_info("ready", {{"node", directory_->identity().node_name}, {"clients", clients},
                           {"http", http_ ? to_string(http_->address()) : "off"}, {"data", config_.data_directory}});
        std::printf("ready node=%s clients=%s\n", directory_->identity().node_name.c_str(), clients.c_str());
        std::fflush(stdout);
        notify_service("READY=1\nSTATUS=serving " + clients);
    }

    // Of a reloaded configuration only the log level can change while the node runs.
    void reload() {
        const Invocation fresh = read_invocation(arguments_, process_environment);
        if (fresh.action != Invocation::Action::run) {
            log_error("reload_refused", {{"reason", fresh.output}});
            return;
        }
        set_log_level(fresh.config.log_level);
        log_info("reloaded", {{"log_level", to_string(fresh.config.log_level)}, {"note", "other options need a restart"}});
    }

    void housekeeping(Now now) {
        const auto door = door_->statistics();
        if (http_) publish(now, door);
        if (now.monotonic_ms < next_trim_ms_) return;
        next_trim_ms_ = now.monotonic_ms + kTrimIntervalMs;
        // Memory of a burst goes back, once, when the burst is over.
        const bool quiet = door.messages_received == messages_at_trim_;
        if (quiet && !trimmed_) trim_memory();
        trimmed_ = quiet;
        messages_at_trim_ = door.messages_received;
    }

    void publish(Now now, const FrontDoor::Statistics& door) {
        auto metrics = broker_->metrics();
        const auto more = shell_metrics(door, peers_->statistics(), loop_->statistics(), journal_->statistics());
        metrics.insert(metrics.end(), more.begin(), more.end());
        board_.publish({now.monotonic_ms, metrics_text(metrics), broker_->health(now), stopping_});
    }

    const std::vector<std::string> arguments_;
    const NodeConfig config_;
    Signals& signals_;
    WallClock clock_;
    Waker waker_;
    SnapshotBoard board_;
    std::unique_ptr<DataDirectory> directory_;  // first in, last out: the lock covers all that follows
    std::unique_ptr<Broker> broker_;
    std::unique_ptr<Journal> journal_;
    std::unique_ptr<FrontDoor> door_;
    std::unique_ptr<PeerDoor> peers_;
    BrokerOptions options_;
    std::unique_ptr<HttpServer> http_;
    const EventLoop* loop_ = nullptr;
    bool stopping_ = false;
    bool trimmed_ = false;
    std::uint64_t next_trim_ms_ = 0;
    std::uint64_t messages_at_trim_ = 0;
};

int run(const std::vector<std::string>& arguments) {
    Invocation invocation = read_invocation(arguments, process_environment);
    if (invocation.action != Invocation::Action::run) {
        std::fputs(invocation.output.c_str(), invocation.exit_status == 0 ? stdout : stderr);
        return invocation.exit_status;
    }
    set_log_level(invocation.config.log_level);
    tune_allocator();
    auto signals = Signals::open();
    if (!signals.ok()) return fail(signals.status());
    Node node(arguments, std::move(invocation.config), *signals);
    return node.run();
}

}  // namespace
}  // namespace sedge::node

int main(int argc, char** argv) { return sedge::node::run({argv + 1, argv + argc}); }
