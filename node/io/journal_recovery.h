// What a journal does with the files that an earlier process left: lists them, verifies and seals the one that was open, finds the
// newest checkpoint, and replays what follows it.
//
// A crash may tear what nobody was promised: the values behind the newest `durable_to` (see segment_format.h). Of these, what follows the
// first that is not whole is dropped. Everything before is on the disk for sure; if it is not, that is damage: reported, kept, not served.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "node/io/health_board.h"
#include "node/io/journal.h"
#include "node/io/journal_catalogue.h"
#include "node/io/manifest.h"
#include "node/io/segment_scan.h"

namespace sedge::node {

class JournalRecovery {
  public:
    JournalRecovery(std::string directory, JournalCatalogue& catalogue, HealthBoard& health)
        : directory_(std::move(directory)), catalogue_(catalogue), health_(health) {}

    struct Opened {
        Manifest manifest;              // true and durable
        std::uint64_t next_id = 1;      // no file has it or a higher one
        std::vector<std::string> dead;  // files of segments that were given up before the last stop
    };
    // Reads the list and opens every segment; seals what was not.
    Result<Opened> open();
    // Replays. What could not be read raises manifest.keep_to, durably.
    Status replay(Manifest& manifest, const RecoverySink& sink);

  private:
    Result<Manifest> read_manifest(bool& is_trusted);
    void list_unknown_files(bool manifest_is_trusted, Opened& opened);
    enum class Found : std::uint8_t { nothing, values, unknown };
    Found list_from_file(const std::string& name, std::uint64_t id, Manifest& manifest);
    Status open_segment(SegmentRecord& record, bool& changed);
    Status seal_after_crash(SegmentRecord& record, Segment& segment);
    void rebuild(const SegmentRecord& record, const File& file, const std::vector<ScannedValue>& values, Segment& segment);
    void check_sequences(const SegmentRecord& record, const std::vector<ScannedValue>& values);

    std::vector<ScannedValue> values_of(const SegmentRecord& record, const File& file);
    bool replay_checkpoint(const Segment& segment, const File& file, const std::vector<ScannedValue>& values, const RecoverySink& sink);
    Status replay_segment(const Segment& segment, const File& file, const std::vector<ScannedValue>& values, std::uint64_t from_id,
                          const RecoverySink& sink);
    void report_lost(std::uint64_t from_id, const RecoverySink& sink);
    void damaged(std::uint64_t segment_id, const std::string& what);
    bool keep_damaged(Manifest& manifest);

    const std::string directory_;
    JournalCatalogue& catalogue_;
    HealthBoard& health_;
    std::map<std::uint64_t, std::shared_ptr<Segment>> opened_;
    std::map<std::uint64_t, std::vector<ScannedValue>> scanned_;
    std::set<std::uint64_t> damaged_ids_;
    std::uint64_t newest_damaged_id_ = 0;  // the newest segment of which something could not be read
};

}  // namespace sedge::node
