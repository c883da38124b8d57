// The files of a journal's directory: prepares the next segment ahead of its use, and recycles the files of dead ones.
//
// A prepared file has all its blocks reserved, an empty LMDB tree at its front, and is synced with its name: a roll only renames it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "node/core/journal_write.h"
#include "schema/status.h"

namespace sedge::node {

struct PreparedSegment {
    bool blocks_are_written = false;  // a recycled file: every block was written once
};

class SegmentStore {
  public:
    // `file_bytes`: the size of every segment file. `changed` is called on any thread when room() may have changed.
    SegmentStore(std::string directory, std::uint64_t file_bytes, std::size_t max_spares, std::function<void()> changed);
    ~SegmentStore();

    // Removes leftovers of an earlier process, and keeps its spares. Before start().
    void adopt(const std::vector<std::string>& segment_names);
    // Prepares one segment on this thread, so that the first roll need not wait; an error leaves room() to say why.
    void prepare_now();
    void start();
    void stop();

    // Gives the prepared file its name, durably; the next one is begun in the background. Requires room().next_segment_ready.
    // nullopt with errno when the file system refuses.
    std::optional<PreparedSegment> take(const std::string& name);
    // The file of a dead segment, already unlisted: becomes a spare, or goes. `in_use`: somebody still reads it, so it must not be rewritten.
    void retire(const std::string& name, bool in_use);
    JournalRoom room() const;

    const std::string& directory() const { return directory_; }

  private:
    void run();
    // ok, or why not; ENOSPC and EDQUOT set disk_full.
    int prepare();
    int fill(const std::string& path, bool recycled);

    const std::string directory_;
    const std::uint64_t file_bytes_;
    const std::size_t max_spares_;
    const std::function<void()> changed_;

    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::optional<PreparedSegment> prepared_;
    std::vector<std::string> spares_;
    bool disk_full_ = false;
    bool stopping_ = false;
    std::uint64_t next_spare_ = 0;
    std::thread thread_;
};

}  // namespace sedge::node
