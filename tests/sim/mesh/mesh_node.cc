#include "tests/sim/mesh/mesh_node.h"

#include <algorithm>
#include <map>

#include "node/core/checkpoint.h"
#include "schema/record_batch.h"
#include "tests/sim/violation.h"

namespace sedge::sim {
namespace {

using node::EntryType;

class Message : public node::InboundMessage {
  public:
    explicit Message(Frames frames) {
        for (Buffer& frame : frames) frames_.push_back(std::make_shared<Buffer>(std::move(frame)));
    }
    std::size_t frames() const override { return frames_.size(); }
    MutableBytes bytes(std::size_t frame) override { return *frames_.at(frame); }
    SharedBytes share(std::size_t frame) override { return {frames_.at(frame), *frames_.at(frame)}; }

  private:
    std::vector<std::shared_ptr<Buffer>> frames_;
};

constexpr std::uint64_t kNever = UINT64_MAX;

Buffer without_producers(ByteView checkpoint) {
    node::Catalogue catalogue;
    if (!node::decode_checkpoint(checkpoint, catalogue).ok()) return Buffer(checkpoint.begin(), checkpoint.end());
    for (const auto& [name, topic] : catalogue.topics())
        for (const auto& partition : topic->partitions) partition->producers = node::ProducerTable();
    return node::encode_checkpoint(catalogue);
}

}  // namespace

MeshNode::MeshNode(std::size_t index, Random random, MeshBug bug, Outbound outbound)
    : index_(index), random_(random), bug_(bug), outbound_(std::move(outbound)), name_("n" + std::to_string(index + 1)), id_(index + 1) {}

node::Member MeshNode::member() const {
    node::Member self;
    self.id = node::NodeId{id_};
    self.facts.name = name_;
    self.facts.peer_address = "sim://" + std::to_string(index_);
    return self;
}

void MeshNode::start(node::Now now, const std::vector<node::Member>& known) {
    ++starts_;
    ++lives_;
    node::BrokerOptions options;
    options.node_name = name_;
    options.node_id = node::NodeId{id_};
    options.mesh_id = std::string(32, 'a');
    options.start_nonce = bug_ == MeshBug::reuse_nonce ? id_ : id_ * 100'000 + lives_;
    options.starts = starts_;
    options.epoch = Epoch{static_cast<std::uint32_t>(starts_)};
    options.founds = index_ == 0 && id_ == 1;
    options.peer_address = "sim://" + std::to_string(index_);
    options.advertised_address = "tcp://" + name_;
    options.random_seed = random_.next();
    options.known_members = known;
    options.membership.probe_interval_ms = 200;
    options.membership.ping_timeout_ms = 80;
    options.replica_lag_ms = 1'000;
    options.restore_leader_ms = 1'500;
    options.replace_voter_ms = 3'000;
    // Small ones: a restart then begins from a checkpoint that was taken in the midst of work.
    options.segment_bytes = random_.one_in(2) ? 8u << 20 : random_.magnitude(128u << 10, 1u << 20);
    options.recent_bytes = random_.one_in(3) ? 0 : 1u << 20;
    broker_ = std::make_unique<node::Broker>(options);
    restore();
    broker_->start(now, {true, false});
}

void MeshNode::restore() {
    for (std::size_t i = newest_roll_; i < disk_.size(); ++i) {
        for (const node::JournalEntry& entry : disk_[i].entries) {
            const ByteView payload = entry.payload.view();
            if (bug_ == MeshBug::forget_acceptor && (entry.type == EntryType::acceptor_record || entry.type == EntryType::acceptor_fence)) continue;
            if (entry.type == EntryType::checkpoint) {
                const Buffer changed = bug_ == MeshBug::forget_producers ? without_producers(payload) : Buffer(payload.begin(), payload.end());
                require(broker_->restore_checkpoint(changed).ok(), "a checkpoint is not understood");
                continue;
            }
            node::JournalEntry bare = entry;
            bare.payload = {};
            const Status status = broker_->restore_entry(bare, entry.type == EntryType::batch ? payload.first(kBatchHeaderBytes) : payload);
            if (!status.ok()) violated("a restart fails: " + status.message);
        }
    }
    logs_.clear();
    for (Write& write : disk_) {
        write.token = 0;
        for (const node::JournalEntry& entry : write.entries) apply(entry, logs_);
    }
    durable_ = disk_.size();
}

void MeshNode::end(bool power_cut) {
    broker_.reset();
    reads_.clear();
    peer_inbox_.clear();
    client_inbox_.clear();
    paused_until_us_ = sync_ends_us_ = next_sync_ends_us_ = 0;
    // The system keeps what a killed process wrote; without power some of it may be there all the same, in order.
    if (power_cut) {
        const std::size_t kept = durable_ + random_.below(disk_.size() - durable_ + 1);
        disk_.resize(kept);
    }
    durable_ = disk_.size();
    newest_roll_ = 0;
    for (std::size_t i = 0; i < disk_.size(); ++i)
        if (disk_[i].roll) newest_roll_ = i;
}

void MeshNode::wipe() {
    std::vector<node::JournalEntry> logs;
    if (bug_ == MeshBug::same_log_after_wipe) {
        for (Write& write : disk_) std::erase_if(write.entries, [](const auto& entry) { return entry.type == EntryType::batch || entry.type == EntryType::watermark; });
        return;
    }
    disk_.clear();
    durable_ = newest_roll_ = 0;
    id_ += 100;
    starts_ = 0;
}

std::uint64_t MeshNode::next_us(std::uint64_t now_us) const {
    if (!running()) return kNever;
    std::uint64_t next = broker_->next_tick_ms() >= kNever / 1000 ? kNever : broker_->next_tick_ms() * 1000;
    if (!peer_inbox_.empty() || !client_inbox_.empty()) next = now_us;
    if (durable_ < disk_.size()) next = std::min(next, disk_[durable_].due_us);
    if (!reads_.empty()) next = std::min(next, reads_.front().first);
    return std::max({next, now_us, paused_until_us_});
}

void MeshNode::turn(node::Now now, std::uint64_t now_us) {
    complete(now, now_us);
    for (std::uint64_t n = random_.between(1, 20); n > 0 && !peer_inbox_.empty(); --n) {
        Message message(std::move(peer_inbox_.front()));
        peer_inbox_.pop_front();
        broker_->on_peer_message(now, message);
    }
    for (std::uint64_t n = random_.between(1, 5); n > 0 && !client_inbox_.empty(); --n) {
        auto [client, frames] = std::move(client_inbox_.front());
        client_inbox_.pop_front();
        Message message(std::move(frames));
        broker_->on_message(now, {client}, message);
    }
    if (broker_->next_tick_ms() <= now.monotonic_ms) broker_->on_tick(now);
    carry_out(now, now_us);
}

void MeshNode::complete(node::Now now, std::uint64_t now_us) {
    std::uint64_t token = 0;
    for (; durable_ < disk_.size() && disk_[durable_].due_us <= now_us; ++durable_) token = std::max(token, disk_[durable_].token);
    if (token != 0) broker_->on_durable(now, node::WriteToken{token});
    while (!reads_.empty() && reads_.front().first <= now_us) {
        const node::ReadEffect read = std::move(reads_.front().second);
        reads_.pop_front();
        broker_->on_read(now, std::visit([](const auto& each) { return each.read_id; }, read), find(read));
    }
}

// One sync at a time; what comes meanwhile shares the next one.
std::uint64_t MeshNode::next_sync_us(std::uint64_t now_us) {
    const std::uint64_t takes_us = is_slow ? random_.magnitude(5'000, 400'000) : random_.between(100, 3'000);
    if (now_us >= sync_ends_us_) sync_ends_us_ = std::exchange(next_sync_ends_us_, 0);
    if (now_us >= sync_ends_us_) return sync_ends_us_ = now_us + takes_us;
    if (next_sync_ends_us_ == 0) next_sync_ends_us_ = sync_ends_us_ + takes_us;
    return next_sync_ends_us_;
}

void MeshNode::carry_out(node::Now now, std::uint64_t now_us) {
    node::Effects effects;
    for (;;) {
        broker_->take_effects(now, effects);
        if (effects.empty()) return;
        for (node::JournalWrite& write : effects.writes) {
            if (bug_ == MeshBug::drop_batch && write.entries.size() == 1 && write.entries[0].type == EntryType::batch && random_.one_in(40))
                write.entries[0].type = EntryType::watermark;
            disk_.push_back({std::move(write.entries), write.roll, write.token.value, next_sync_us(now_us)});
            if (bug_ == MeshBug::forget_truncation)
                std::erase_if(disk_.back().entries, [](const auto& entry) { return entry.type == EntryType::truncated; });
            for (const node::JournalEntry& entry : disk_.back().entries) apply(entry, logs_);
            if (write.roll) broker_->on_room(now, {true, false});
            if (bug_ == MeshBug::report_durable_at_issue) broker_->on_durable(now, write.token);
        }
        for (node::ReadEffect& read : effects.reads) reads_.emplace_back(now_us + random_.between(100, 5'000), std::move(read));
        for (node::Send& send : effects.sends) {
            if (send.reply_bytes != 0) broker_->on_reply_taken(send.to, send.reply_bytes);
            outbound_.to_client(send.to.value, std::move(send.header), std::move(send.body));
        }
        for (node::SendPeer& send : effects.peer_sends) {
            Frames frames{std::move(send.header)};
            for (const SharedBytes& each : send.body) frames.emplace_back(each.view().begin(), each.view().end());
            outbound_.to_peer(static_cast<std::size_t>(std::stoul(send.address.substr(6))), std::move(frames));
        }
        effects.clear();
    }
}

void MeshNode::apply(const node::JournalEntry& entry, std::map<PartitionId, MeshLog>& logs) {
    if (entry.type == EntryType::topic_deleted)
        std::erase_if(logs, [&](const auto& each) { return each.first.topic == entry.partition.topic; });
    if (entry.type != EntryType::truncated && entry.type != EntryType::log_made && entry.type != EntryType::batch) return;
    MeshLog& log = logs[entry.partition];
    if (entry.type == EntryType::truncated) log.erase(log.lower_bound(entry.base_offset.value), log.end());
    if (entry.type == EntryType::log_made) log.clear();
    if (entry.type == EntryType::batch) log[entry.base_offset.value] = entry.payload;
}

const MeshLog& MeshNode::log(const PartitionId& partition) const {
    static const MeshLog kNone;
    const auto found = logs_.find(partition);
    return found == logs_.end() ? kNone : found->second;
}

std::map<node::RegisterKey, node::ChosenValue> MeshNode::accepted() const {
    std::map<node::RegisterKey, node::ChosenValue> out;
    for (const Write& write : disk_) {
        for (const node::JournalEntry& entry : write.entries) {
            if (entry.type == EntryType::acceptor_made) out.clear();
            if (entry.type != EntryType::acceptor_record) continue;
            const auto record = node::decode_acceptor_record(entry.payload.view());
            if (record && record->accepted != node::Ballot{}) out[record->key] = {record->accepted, record->value};
        }
    }
    return out;
}

bool MeshNode::is_proposing() const {
    const auto metrics = broker_->metrics();
    return std::any_of(metrics.begin(), metrics.end(), [](const auto& each) { return each.name == "sedge_register_changes" && each.value > 0; });
}

bool MeshNode::knows_chosen(const PartitionId& partition, ByteView value) const {
    const auto held = node::decode_partition_register(value);
    for (const auto& view : broker_->partitions()) {
        if (!held || view.id != partition || view.epoch != held->epoch) continue;
        return std::ranges::equal(view.isr, held->isr, [](const auto& mine, const node::Replica& theirs) {
            return mine.first == theirs.node.value && mine.second == theirs.log.value;
        });
    }
    return false;
}

node::ReadResult MeshNode::find(const node::ReadEffect& effect) const {
    node::ReadResult result;
    const auto* read = std::get_if<node::ReadRecords>(&effect);
    if (read == nullptr) {
        result.offset = std::get<node::FindTime>(effect).start;
        return result;
    }
    std::map<PartitionId, MeshLog> stored;
    for (std::size_t i = 0; i < durable_; ++i)
        for (const node::JournalEntry& entry : disk_[i].entries)
            if (entry.partition == read->partition) apply(entry, stored);
    std::size_t bytes = 0;
    std::uint64_t next = read->offset.value;
    for (const auto& [base, batch] : stored[read->partition]) {
        const auto header = read_batch_header(batch.view());
        if (header->end_offset().value <= next || base >= read->end.value) continue;
        if (base > next || (bytes > 0 && bytes + batch.size() > read->max_bytes)) break;
        bytes += batch.size();
        next = header->end_offset().value;
        result.batches.push_back(batch);
    }
    if (result.batches.empty()) result.outcome = node::ReadResult::Outcome::failed;
    return result;
}

}  // namespace sedge::sim
