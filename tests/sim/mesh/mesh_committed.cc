#include "tests/sim/mesh/mesh_committed.h"

#include <algorithm>
#include <string>

#include "schema/record_batch.h"
#include "tests/sim/random.h"
#include "tests/sim/violation.h"

namespace sedge::sim {
namespace {

std::string place(const MeshNode& node, const node::Broker::PartitionView& view, std::uint64_t offset) {
    return "offset " + std::to_string(offset) + " of " + view.topic + "/" + std::to_string(view.id.partition.value) + " on " + node.name() +
           " (epoch " + std::to_string(view.epoch.value) + ")";
}

}  // namespace

MeshCommitted::Batch MeshCommitted::batch_of(ByteView bytes) {
    Fingerprint hash;
    hash.add(bytes);
    return {read_batch_header(bytes)->end_offset().value, hash.value()};
}

void MeshCommitted::check(const MeshNode& node, const node::Broker::PartitionView& view) {
    Seen& seen = seen_[{node.id(), view.id}];
    if (seen.start != node.starts() || seen.log != view.log) seen = {node.starts(), view.log, 0, view.start.value, view.start.value};
    check_watermark(node, view, seen);
    Epoch& newest = newest_epoch_[view.id];
    newest = std::max(newest, view.epoch);
    if (view.leads && view.epoch == newest) check_leader(node, view, seen);
}

void MeshCommitted::check_watermark(const MeshNode& node, const node::Broker::PartitionView& view, Seen& seen) {
    if (view.high_watermark.value < seen.watermark) violated("the high watermark goes back: " + place(node, view, seen.watermark));
    seen.watermark = view.high_watermark.value;
    seen.checked = std::max(seen.checked, view.start.value);
    const MeshLog& log = node.log(view.id);
    Batches& committed = committed_[view.id];
    while (seen.checked < seen.watermark) {
        const auto at = log.find(seen.checked);
        if (at == log.end()) violated("no batch begins at what is below the high watermark: " + place(node, view, seen.checked));
        const Batch batch = batch_of(at->second.view());
        if (batch.end > seen.watermark) violated("a batch is committed in part: " + place(node, view, seen.checked));
        const auto [known, is_new] = committed.emplace(seen.checked, batch);
        if (known->second != batch) violated("committed records differ: " + place(node, view, seen.checked));
        if (is_new && std::next(known) != committed.end()) violated("committed records are cut otherwise: " + place(node, view, seen.checked));
        seen.checked = batch.end;
    }
}

// Whoever leads in the newest epoch has all that anybody may have been told to be committed.
void MeshCommitted::check_leader(const MeshNode& node, const node::Broker::PartitionView& view, Seen& seen) {
    const MeshLog& log = node.log(view.id);
    const Batches& committed = committed_[view.id];
    seen.complete = std::max(seen.complete, view.start.value);
    for (auto known = committed.lower_bound(seen.complete); known != committed.end(); ++known) {
        const auto at = log.find(known->first);
        if (at == log.end() || batch_of(at->second.view()) != known->second)
            violated("a leader does not have what is committed: " + place(node, view, known->first));
        seen.complete = known->second.end;
    }
}

}  // namespace sedge::sim
