#include "tests/sim/mesh/mesh_world.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "node/core/peer_envelope.h"
#include "node/core/replica_messages.h"
#include "tests/sim/violation.h"

namespace sedge::sim {
namespace {

constexpr std::array kBugs{
    MeshBugName{MeshBug::report_durable_at_issue, "report_durable_at_issue"}, MeshBugName{MeshBug::forget_acceptor, "forget_acceptor"},
    MeshBugName{MeshBug::forget_truncation, "forget_truncation"},             MeshBugName{MeshBug::same_log_after_wipe, "same_log_after_wipe"},
    MeshBugName{MeshBug::watermark_past_gap, "watermark_past_gap"},           MeshBugName{MeshBug::acknowledge_received, "acknowledge_received"},
    MeshBugName{MeshBug::forget_producers, "forget_producers"},
    MeshBugName{MeshBug::serve_uncommitted, "serve_uncommitted"},             MeshBugName{MeshBug::drop_batch, "drop_batch"},
    MeshBugName{MeshBug::reuse_nonce, "reuse_nonce"},
};
constexpr std::uint64_t kHealthyWithinUs = 120'000'000;
constexpr std::uint64_t kReadWithinUs = 60'000'000;

}  // namespace

std::span<const MeshBugName> mesh_bugs() { return kBugs; }

std::optional<MeshBug> mesh_bug_from(std::string_view name) {
    for (const MeshBugName& known : kBugs)
        if (known.name == name) return known.bug;
    return std::nullopt;
}

MeshWorld::MeshWorld(const MeshOptions& options) : options_(options), random_(options.seed) {
    clock_.mend();
    const std::uint64_t count = options.nodes != 0 ? options.nodes : random_.one_in(3) ? random_.between(1, 7) : 3;
    replicas_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(count, random_.between(2, 3)));
    partitions_ = static_cast<std::uint32_t>(random_.between(1, 3));
    client_world_ = {[this](std::size_t node, const std::string& client, Buffer header) { send_to_node(node, client, std::move(header)); },
                     static_cast<std::size_t>(count), [this](const std::string& what) { note(what); }, &history_, &marks_,
                     [this](const std::string& topic, std::uint32_t partition) { return leading_epoch(topic, partition); }};
    for (std::size_t i = 0; i < count; ++i) {
        MeshNode::Outbound out;
        out.to_peer = [this, i](std::size_t to, Frames frames) { send_to_peer(i, to, std::move(frames)); };
        out.to_client = [this, i](const std::string& client, Buffer header, std::vector<SharedBytes>) { send_to_client(i, client, std::move(header)); };
        nodes_.push_back(std::make_unique<MeshNode>(i, random_.fork(), options.bug, std::move(out)));
    }
    make_clients();
}

void MeshWorld::make_clients() {
    topics_ = {"t"};
    if (random_.one_in(2)) topics_.push_back("u");
    const std::string min_insync = std::to_string(random_.between(1, replicas_));
    auto admin = std::make_unique<MeshAdmin>(random_.fork(), client_world_, topics_, partitions_, replicas_, min_insync);
    admin_ = admin.get();
    clients_.push_back(std::move(admin));
    std::uint64_t id = 1;
    for (const std::string& topic : topics_) {
        for (std::uint32_t partition = 0; partition < partitions_; ++partition) {
            const std::string where = topic + std::to_string(partition);
            clients_.push_back(std::make_unique<MeshProducer>("p" + where, random_.fork(), client_world_, topic, partition, true, ++id));
            if (random_.one_in(2))
                clients_.push_back(std::make_unique<MeshProducer>("q" + where, random_.fork(), client_world_, topic, partition, false, ++id));
            clients_.push_back(std::make_unique<MeshConsumer>("c" + where, random_.fork(), client_world_, topic, partition));
        }
    }
}

void MeshWorld::note(const std::string& what) {
    if (options_.verbose) std::printf("%10.3f ms  %s\n", static_cast<double>(clock_.now_us()) / 1000.0, what.c_str());
}

// --- Time ---

void MeshWorld::step() {
    std::uint64_t next = events_.empty() ? UINT64_MAX : events_.next_us();
    MeshNode* node = nullptr;
    MeshClient* client = nullptr;
    for (const auto& each : nodes_)
        if (const std::uint64_t at = each->next_us(clock_.now_us()); at < next) next = at, node = each.get();
    for (const auto& each : clients_)
        if (each->next_us() < next) next = each->next_us(), client = each.get(), node = nullptr;
    clock_.advance_to(std::max(next, clock_.now_us()));
    if (client != nullptr) return client->on_time(clock_.now_us());
    if (node == nullptr) {
        if (!events_.empty()) events_.take().second();
        return;
    }
    clock_.advance_to(clock_.now_us() + 20);
    node->turn(clock_.now(), clock_.now_us());
    fingerprint_.add(clock_.now_us());
    if (++turns_ % 4 == 0) check_leaders(*node);
}

void MeshWorld::run_until(std::uint64_t until_us) {
    bool reached = false;
    events_.schedule(until_us, [&reached] { reached = true; });
    while (!reached) {
        step();
        for (auto at = stopping_.begin(); at != stopping_.end();) {
            MeshNode& node = *nodes_[*at];
            const std::size_t index = *at;
            const bool done = !node.running() || node.broker().is_idle();
            at = done ? stopping_.erase(at) : std::next(at);
            if (!done || !node.running()) continue;
            mark("clean stops");
            end(index, false);
            restart_later(index);
        }
    }
}

void MeshWorld::run() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) start(i);
    run_until(2'000'000);  // it may form in peace
    end_of_faults_us_ = clock_.now_us() + options_.duration_ms * 1000;
    schedule_fault();
    run_until(end_of_faults_us_);
    heal();
    std::string why;
    const std::uint64_t deadline_us = clock_.now_us() + kHealthyWithinUs;
    while (!is_healthy(why)) {
        if (clock_.now_us() >= deadline_us) violated("not healthy long after the last fault: " + why + view_of_all());
        run_until(clock_.now_us() + 200'000);
    }
    check_end();
    read_everything();
}

// Through each node in turn, so that every way to the records is gone.
void MeshWorld::read_everything() {
    clients_.clear();
    std::map<PartitionId, std::uint64_t> ends;
    for (const auto& node : nodes_)
        for (const auto& view : node->broker().partitions()) ends[view.id] = std::max(ends[view.id], view.high_watermark.value);
    for (std::size_t node = 0; node < nodes_.size(); ++node)
        for (const auto& view : nodes_[node]->broker().partitions())
            clients_.push_back(std::make_unique<MeshReader>("r" + view.topic + std::to_string(view.id.partition.value) + "." + nodes_[node]->name(), random_.fork(),
                                                            client_world_, view.topic, view.id.partition.value, node, ends[view.id]));
    const std::uint64_t deadline_us = clock_.now_us() + kReadWithinUs;
    while (!std::ranges::all_of(clients_, [](const auto& client) { return client->is_idle(); })) {
        if (clock_.now_us() < deadline_us) {
            run_until(clock_.now_us() + 200'000);
            continue;
        }
        for (const auto& client : clients_)
            if (!client->is_idle()) violated("not everything can be read long after the last fault: " + client->state() + view_of_all());
    }
}

Epoch MeshWorld::leading_epoch(const std::string& topic, std::uint32_t partition) const {
    std::optional<Epoch> oldest;
    for (const auto& node : nodes_) {
        if (!node->running()) continue;
        for (const auto& view : node->broker().partitions())
            if (view.topic == topic && view.id.partition.value == partition && view.leads) oldest = std::min(oldest.value_or(view.epoch), view.epoch);
    }
    return oldest.value_or(Epoch{});
}

// --- The network ---

void MeshWorld::send_to_peer(std::size_t from, std::size_t to, Frames frames) {
    if (is_cut(from, to) || random_.per_mille(loss_per_mille_)) return mark("messages lost");
    for (const Buffer& frame : frames) fingerprint_.add(frame);
    if (options_.verbose) note_message(from, to, frames[0]);
    const bool twice = !calm_ && random_.per_mille(5);
    for (int copy = 0; copy < (twice ? 2 : 1); ++copy) {
        const bool late = !calm_ && random_.per_mille(3);
        const std::uint64_t delay_us = late ? random_.magnitude(1'000, kLatestMessageUs) : random_.between(50, delay_us_);
        events_.schedule(clock_.now_us() + delay_us, [this, from, to, sent = with_bug(frames)]() mutable {
            if (to < nodes_.size() && nodes_[to]->running() && !is_cut(from, to)) nodes_[to]->on_peer(std::move(sent));
        });
    }
}

void MeshWorld::note_message(std::size_t from, std::size_t to, const Buffer& header) {
    const auto envelope = node::decode_peer_envelope(header);
    if (!envelope) return;
    const std::string link = "    n" + std::to_string(from + 1) + " > n" + std::to_string(to + 1) + " ";
    const auto place = [](const PartitionId& id) { return to_string(id.topic).substr(0, 4) + "/" + std::to_string(id.partition.value) + " "; };
    if (envelope->kind == node::PeerKind::follow)
        for (const node::Follow& each : node::decode_follows(envelope->payload).value_or(std::vector<node::Follow>()))
            note(link + "follow " + place(each.partition) + "epoch " + std::to_string(each.epoch.value) + " end " + std::to_string(each.end.value));
    if (envelope->kind == node::PeerKind::progress)
        for (const node::Progress& each : node::decode_progress(envelope->payload).value_or(std::vector<node::Progress>()))
            note(link + "progress " + place(each.partition) + "epoch " + std::to_string(each.epoch.value) + " end " + std::to_string(each.end.value));
    if (envelope->kind == node::PeerKind::chunks)
        for (const node::Chunk& each : node::decode_chunks(envelope->payload).value_or(std::vector<node::Chunk>()))
            note(link + "chunk " + place(each.partition) + "epoch " + std::to_string(each.epoch.value) + " base " + std::to_string(each.base.value) +
                 " frames " + std::to_string(each.frames) + " hw " + std::to_string(each.high_watermark.value) + (each.lineage ? " lineage" : ""));
}

Frames MeshWorld::with_bug(Frames frames) const {
    const bool changes_chunks = options_.bug == MeshBug::watermark_past_gap;
    const bool changes_progress = options_.bug == MeshBug::acknowledge_received;
    if (!changes_chunks && !changes_progress) return frames;
    auto envelope = node::decode_peer_envelope(frames[0]);
    if (!envelope) return frames;
    Buffer payload;
    if (changes_chunks && envelope->kind == node::PeerKind::chunks) {
        auto chunks = node::decode_chunks(envelope->payload);
        for (node::Chunk& each : *chunks) each.high_watermark = each.end;
        node::encode_chunks(*chunks, payload);
    } else if (changes_progress && envelope->kind == node::PeerKind::progress) {
        auto progress = node::decode_progress(envelope->payload);
        for (node::Progress& each : *progress) each.end = each.received;
        node::encode_progress(*progress, payload);
    } else {
        return frames;
    }
    Buffer changed;
    envelope->payload = payload;
    node::encode_peer_envelope(*envelope, changed);
    frames[0] = std::move(changed);
    return frames;
}

void MeshWorld::send_to_node(std::size_t to, const std::string& client, Buffer header) {
    if (random_.per_mille(loss_per_mille_)) return;
    if (options_.bug == MeshBug::serve_uncommitted) {
        const auto decoded = decode_request(header);
        if (const auto* request = std::get_if<Request>(&decoded); request != nullptr && std::holds_alternative<ProduceRequest>(request->body)) {
            ProduceRequest weaker = std::get<ProduceRequest>(request->body);
            weaker.acks = Acks::leader;
            Buffer changed;
            encode_request(request->correlation_id, weaker, changed);
            changed.insert(changed.end(), header.begin() + static_cast<std::ptrdiff_t>(request->header_bytes), header.end());
            header = std::move(changed);
        }
    }
    events_.schedule(clock_.now_us() + random_.between(50, delay_us_), [this, to, client, sent = std::move(header)]() mutable {
        if (nodes_[to]->running()) nodes_[to]->on_client(client, {std::move(sent)});
    });
}

void MeshWorld::send_to_client(std::size_t, const std::string& client, Buffer header) {
    if (random_.per_mille(loss_per_mille_)) return;
    events_.schedule(clock_.now_us() + random_.between(50, delay_us_), [this, client, sent = std::move(header)] {
        for (const auto& each : clients_)
            if (each->name() == client) return each->on_answer(clock_.now_us(), sent);
    });
}

MeshResult MeshWorld::take_result() {
    for (const auto& node : nodes_)
        if (node->running()) collect_marks(*node);
    mark("acknowledged", history_.acknowledged);
    mark("read", history_.read);
    mark("lost with their leader", history_.lost_with_leader);
    return {true, "", fingerprint_.value(), marks_};
}

MeshResult run_mesh(const MeshOptions& options) {
    MeshWorld world(options);
    std::string violation;
    try {
        world.run();
    } catch (const Violation& found) {
        violation = found.what;
    }
    MeshResult result = world.take_result();
    result.ok = violation.empty();
    result.violation = std::move(violation);
    return result;
}

}  // namespace sedge::sim
