#include "tests/sim/planted_bugs.h"

#include <array>
#include <memory>

#include "node/core/checkpoint.h"

namespace sedge::sim {
namespace {

constexpr std::array kNames{
    PlantedBugName{PlantedBug::ack_before_durable, "ack_before_durable"},
    PlantedBugName{PlantedBug::keep_torn_write, "keep_torn_write"},
    PlantedBugName{PlantedBug::skip_checksum, "skip_checksum"},
    PlantedBugName{PlantedBug::forget_producers, "forget_producers"},
    PlantedBugName{PlantedBug::lose_index_entry, "lose_index_entry"},
    PlantedBugName{PlantedBug::late_checkpoint, "late_checkpoint"},
    PlantedBugName{PlantedBug::forget_log_start, "forget_log_start"},
    PlantedBugName{PlantedBug::forget_deletion, "forget_deletion"},
    PlantedBugName{PlantedBug::trust_any_clock, "trust_any_clock"},
    PlantedBugName{PlantedBug::lose_answer, "lose_answer"},
    PlantedBugName{PlantedBug::release_early, "release_early"},
    PlantedBugName{PlantedBug::acknowledge_twice, "acknowledge_twice"},
};
constexpr std::uint64_t kNowAndThen = 50;

Buffer without_producers(ByteView checkpoint) {
    node::Catalogue catalogue;
    if (!node::decode_checkpoint(checkpoint, catalogue).ok()) return Buffer(checkpoint.begin(), checkpoint.end());
    for (const auto& [name, topic] : catalogue.topics())
        for (const auto& partition : topic->partitions) partition->producers = node::ProducerTable();
    return node::encode_checkpoint(catalogue);
}

}  // namespace

std::span<const PlantedBugName> planted_bugs() { return kNames; }

std::optional<PlantedBug> planted_bug_from(std::string_view name) {
    for (const PlantedBugName& known : kNames)
        if (known.name == name) return known.bug;
    return std::nullopt;
}

JournalBugs BugLayer::journal_bugs() const {
    return {bug_ == PlantedBug::keep_torn_write, bug_ == PlantedBug::skip_checksum};
}

node::RecoverySink BugLayer::between(node::RecoverySink core) {
    const PlantedBug bug = bug_;
    const auto behind_checkpoint = std::make_shared<bool>(false);
    node::RecoverySink sink;
    sink.checkpoint = [core, bug, behind_checkpoint](ByteView checkpoint) {
        *behind_checkpoint = true;
        if (bug == PlantedBug::forget_producers) return core.checkpoint(without_producers(checkpoint));
        return core.checkpoint(checkpoint);
    };
    sink.entry = [core, bug, behind_checkpoint](const node::JournalEntry& entry, ByteView payload) -> Status {
        const bool first = std::exchange(*behind_checkpoint, false);
        if (bug == PlantedBug::late_checkpoint && first) return {};
        if (bug == PlantedBug::forget_log_start && entry.type == node::EntryType::log_start) return {};
        if (bug == PlantedBug::forget_deletion && entry.type == node::EntryType::topic_deleted) return {};
        return core.entry(entry, payload);
    };
    return sink;
}

void BugLayer::change(node::Now& now) const {
    if (bug_ == PlantedBug::trust_any_clock) now.wall_is_trusted = true;
}

void BugLayer::change(node::ReadResult& result) {
    if (bug_ == PlantedBug::lose_index_entry && result.batches.size() > 2 && random_.one_in(4))
        result.batches.erase(result.batches.begin() + 1);
}

void BugLayer::change(node::Effects& effects) {
    if (bug_ == PlantedBug::lose_answer && !effects.sends.empty() && random_.one_in(kNowAndThen)) effects.sends.pop_back();
    if (bug_ == PlantedBug::acknowledge_twice && !effects.sends.empty() && random_.one_in(kNowAndThen))
        effects.sends.push_back(effects.sends.back());
    if (bug_ != PlantedBug::release_early) return;
    for (node::ReleaseRecords& release : effects.releases) release.below = release.below + 1;
}

}  // namespace sedge::sim
