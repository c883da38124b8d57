// A disk and its file system in memory that know what was synced: the model behind powerfs.
//
// Every file has two images: what programs see, and what a power cut would leave. Writes change the first at once; a sync of that
// file carries them over to the second. Names (create, remove, rename) become durable when their directory is synced. A cut keeps,
// of what was not synced, whatever the chosen mode and seed say: nothing, a torn beginning, or any pieces in any order.
// Sectors of 512 bytes are the unit that is never torn. Not thread-safe: powerfs holds one lock.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace sedge::powerfs {

inline constexpr std::uint64_t kSectorBytes = 512;

// Sparse bytes of a file.
class Image {
  public:
    std::uint64_t size() const { return size_; }
    void resize(std::uint64_t size);
    void write(std::uint64_t at, const char* data, std::size_t bytes);
    // Fills up to `bytes`, less at the end; returns how many.
    std::size_t read(std::uint64_t at, char* out, std::size_t bytes) const;

  private:
    static constexpr std::uint64_t kChunkBytes = 64 << 10;
    std::uint64_t size_ = 0;
    std::map<std::uint64_t, std::vector<char>> chunks_;
};

// What was done to a file and not synced: a write of data, or a change of size.
struct Unsynced {
    bool is_resize = false;
    std::uint64_t at = 0;  // the new size for a resize
    std::vector<char> data{};
};

struct Inode {
    bool is_directory = false;
    std::uint32_t mode = 0;
    std::int64_t changed_ns = 0;
    Image seen;
    Image durable;
    std::vector<Unsynced> unsynced{};
};
using InodePtr = std::shared_ptr<Inode>;

enum class CutMode { drop, tear, reorder };

struct CutReport {
    std::size_t kept = 0, torn = 0, dropped = 0, names_dropped = 0;
};

class Disk {
  public:
    // Paths are absolute within the disk, "/" is the root. nullptr if there is none.
    InodePtr find(const std::string& path) const;
    std::vector<std::string> list(const std::string& directory) const;
    InodePtr add(const std::string& path, bool is_directory, std::uint32_t mode);
    void remove(const std::string& path);
    void rename(const std::string& from, const std::string& to);

    void write(Inode& inode, std::uint64_t at, const char* data, std::size_t bytes, bool synced);
    void resize(Inode& inode, std::uint64_t size);
    void sync(Inode& inode);
    void sync_directory(const std::string& directory);
    // A sync that failed: what it should have written is forgotten, and no later sync writes it (as Linux marks the pages clean).
    void fail_sync(Inode& inode) { inode.unsynced.clear(); }

    // The power goes: from now on only what is on the disk counts.
    CutReport cut(CutMode mode, std::uint64_t seed);
    void sync_all();
    std::uint64_t unsynced_writes() const;

    // The durable state, as ordinary files below `folder`, which is emptied first; and back. False on an error of the system.
    bool store(const std::string& folder) const;
    bool load(const std::string& folder);

  private:
    struct NameChange {
        std::string removed{}, added{};
        InodePtr inode{};
    };
    void apply(const NameChange& change);
    void cut_file(Inode& inode, CutMode mode, std::mt19937_64& random, CutReport& report);

    std::map<std::string, InodePtr> names_;
    std::map<std::string, InodePtr> durable_names_;
    std::vector<NameChange> unsynced_names_{};
};

// The directory that `path` is in.
std::string parent_of(const std::string& path);

}  // namespace sedge::powerfs
