#include "tests/sim/mesh/mesh_history.h"

#include <algorithm>
#include <set>

#include "schema/record_batch.h"
#include "tests/sim/violation.h"

namespace sedge::sim {

void MeshHistory::fixed(const std::string& topic, std::uint32_t partition, std::uint64_t offset, const std::string& value, const char* how) {
    const auto [at, is_new] = logs_[{topic, partition}].emplace(offset, value);
    if (is_new || at->second == value) return;
    violated("offset " + std::to_string(offset) + " of " + topic + "/" + std::to_string(partition) + " held '" + at->second + "', and now '" +
             value + "' is " + how);
}

void MeshHistory::promised_by_leader(const std::string& topic, std::uint32_t partition, std::uint64_t offset, const std::string& value,
                                     Epoch epoch) {
    promises_[{topic, partition}][offset] = {value, epoch};
}

void MeshHistory::shown_watermark(const std::string& topic, std::uint32_t partition, std::uint64_t offset) {
    std::uint64_t& shown = watermarks_[{topic, partition}];
    shown = std::max(shown, offset);
}

// What only its leader had may be gone with it, and never otherwise.
void MeshHistory::check_promises(const Place& place, const Log& records, Epoch epoch) {
    for (const auto& [offset, promise] : promises_[place]) {
        const auto found = records.find(offset);
        if (found != records.end() && found->second == promise.value) continue;
        if (promise.epoch >= epoch)
            violated("'" + promise.value + "', acknowledged by the leader of epoch " + std::to_string(promise.epoch.value) + " at offset " +
                     std::to_string(offset) + " of " + place.first + "/" + std::to_string(place.second) + ", is lost though it still leads");
        ++lost_with_leader;
    }
}

void MeshHistory::check_log(const std::string& topic, std::uint32_t partition, const MeshLog& batches, Epoch epoch) {
    const std::string name = topic + "/" + std::to_string(partition);
    std::map<std::uint64_t, std::string> records;
    std::set<std::string> values;
    std::uint64_t next = 0;
    for (const auto& [base, batch] : batches) {
        require(check_appended_batch(batch.view()).ok(), "a stored batch does not verify");
        const Status status = for_each_record(batch.view(), [&](Offset offset, const RecordView& record) {
            if (offset.value != next) violated("offsets of " + name + " have a gap at " + std::to_string(next));
            ++next;
            const std::string value(as_text(*record.value));
            if (!values.insert(value).second) violated("'" + value + "' is twice in " + name);
            records.emplace(offset.value, value);
            return true;
        });
        require(status.ok(), "a stored batch does not parse");
    }
    check_promises({topic, partition}, records, epoch);
    if (next < watermarks_[{topic, partition}]) violated("consumers were told of more committed records of " + name + " than there are");
    const auto expected = logs_.find({topic, partition});
    if (expected == logs_.end()) return;
    for (const auto& [offset, value] : expected->second) {
        const auto found = records.find(offset);
        if (found == records.end()) violated("the record '" + value + "' at offset " + std::to_string(offset) + " of " + name + " is lost");
        if (found->second != value) violated("the record '" + value + "' at offset " + std::to_string(offset) + " of " + name + " is now '" + found->second + "'");
    }
}

}  // namespace sedge::sim
