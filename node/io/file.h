// An open file, and the few calls on it that the journal needs. Errors come back as errno values: what they mean depends on the caller.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "schema/bytes.h"

namespace sedge::node {

class File {
  public:
    File() = default;
    // Takes over the descriptor.
    explicit File(int descriptor) : descriptor_(descriptor) {}
    File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
    File& operator=(File&& other) noexcept;
    ~File();

    // `flags` as for open(2); O_CLOEXEC is added. is_open() is false on failure, and errno says why.
    static File open(const std::string& path, int flags);

    bool is_open() const { return descriptor_ >= 0; }
    int descriptor() const { return descriptor_; }
    std::uint64_t size_bytes() const;
    // Reads as much of `out` as there is from `at` on; how much, or -1 with errno.
    std::int64_t read_at(std::uint64_t at, MutableBytes out) const;
    // Writes all of it; 0 or an errno value.
    int write_at(std::uint64_t at, ByteView bytes) const;
    int sync() const;              // fdatasync; 0 or an errno value
    int reserve(std::uint64_t size_bytes) const;  // makes the file at least that long, with blocks of its own; 0 or an errno value
    // Gives the blocks behind `used_bytes` back when they are more than a quarter of the file; 0 or an errno value. A file that is nearly
    // full keeps them: written blocks are worth having when it is recycled.
    int cut_unused(std::uint64_t used_bytes) const;
    // Forgets what the system caches of these bytes: the next read comes from the disk. Bytes not yet synced stay.
    void drop_cached_pages(std::uint64_t at, std::uint64_t size) const;

  private:
    int descriptor_ = -1;
};

// Makes renames and new names in a directory durable; 0 or an errno value.
int sync_directory(const std::string& path);

// Replaces the file by one with these bytes, durably and as a whole; 0 or an errno value.
int replace_file(const std::string& directory, const std::string& name, ByteView bytes);

// The names in a directory, sorted; empty if it cannot be read.
std::vector<std::string> names_in(const std::string& directory);

}  // namespace sedge::node
