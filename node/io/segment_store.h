// The files of a journal's directory: prepares the next segment ahead of its use, and recycles the files of dead ones.
//
// A prepared file has all its blocks reserved, an empty LMDB tree at its front, and is synced with its name: a roll only renames it.
// Beside it lies one file for an emergency: a start on a full disk takes it for its first segment, so that topics can be deleted; and a
// little reserve for the list of segments, which must be written when the disk is full too.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "node/core/journal_write.h"
#include "schema/status.h"

namespace sedge::node {

class SegmentStore {
  public:
    // `file_bytes`: the size of every segment file. `changed` is called on any thread when room() may have changed.
    SegmentStore(std::string directory, std::uint64_t file_bytes, std::size_t max_spares, std::function<void()> changed);
    ~SegmentStore();

    // Takes over what an earlier process left behind: its prepared file, its spares, and `dead` segments. Before start().
    void adopt(const std::vector<std::string>& dead);
    // Prepares one segment on this thread, so that the first roll need not wait. On a full disk it takes the emergency's; if there is none,
    // room() says so.
    void prepare_now();
    void start();
    void stop();

    // Gives the prepared file its name, durably; the next one is begun in the background. Requires room().next_segment_ready.
    // False, with errno, when the file system refuses.
    bool take(const std::string& name);
    // The file of a dead segment, already unlisted: becomes a spare, or goes. `in_use`: somebody still reads it, so it must not be rewritten.
    void retire(const std::string& name, bool in_use);
    // Gives the reserve back to the file system: there is room for a small file then. False: it is used up.
    bool give_up_reserve();
    // Never waits for the disk.
    JournalRoom room() const { return {ready_, disk_full_}; }

  private:
    void run();
    // 0 or an errno value.
    int prepare();
    int fill(const std::string& path, bool recycled);
    bool make_emergency_files();
    std::string take_spare();
    std::string path_of(const std::string& name) const { return directory_ + "/" + name; }
    std::string spare_name(std::string_view suffix);

    const std::string directory_;
    const std::uint64_t file_bytes_;
    const std::size_t max_spares_;
    const std::function<void()> changed_;

    std::atomic<bool> ready_ = false;
    std::atomic<bool> disk_full_ = false;

    mutable std::mutex mutex_;
    std::condition_variable wake_;
    bool prepared_ = false;
    std::vector<std::string> spares_;
    bool has_emergency_files_ = false;
    bool stopping_ = false;
    std::uint64_t next_spare_ = 0;
    std::thread thread_;
};

}  // namespace sedge::node
