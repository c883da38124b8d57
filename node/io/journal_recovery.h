// What a journal does with the files that an earlier process left: lists them, verifies and seals the one that was open, finds the
// newest checkpoint, and replays what follows it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "node/io/journal.h"
#include "node/io/journal_catalogue.h"
#include "node/io/manifest.h"
#include "node/io/segment_scan.h"

namespace sedge::node {

class JournalRecovery {
  public:
    JournalRecovery(std::string directory, JournalCatalogue& catalogue) : directory_(std::move(directory)), catalogue_(catalogue) {}

    // Reads the list and opens every segment; seals what was not. The manifest is then true, and durable.
    Result<Manifest> open();
    Status replay(const Manifest& manifest, const RecoverySink& sink);

  private:
    Result<Manifest> read_manifest();
    Manifest manifest_from_files();
    Status open_segment(SegmentRecord& record, const std::string& boot_id, bool& changed);
    Status seal_after_crash(SegmentRecord& record, Segment& segment, bool cache_is_gone);
    void rebuild_index(const SegmentRecord& record, Segment& segment);
    std::vector<ScannedValue> values_of(const SegmentRecord& record, const Segment& segment);
    Status replay_value(const Segment& segment, const ScannedValue& value, bool skip_checkpoint, const RecoverySink& sink);

    const std::string directory_;
    JournalCatalogue& catalogue_;
    std::map<std::uint64_t, std::shared_ptr<Segment>> opened_;
    std::map<std::uint64_t, std::vector<ScannedValue>> scanned_;  // of segments sealed by this start
};

inline constexpr const char* kManifestName = "manifest";

}  // namespace sedge::node
