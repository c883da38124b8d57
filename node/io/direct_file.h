// Writes whole pages past the page cache, where the file system can: what a small synced commit needs is the disk, and a copy in the
// page cache, its write-back and the wait for that are a tenth of the time. Such a write is not durable either: a sync still has to follow.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "node/io/file.h"
#include "schema/bytes.h"

namespace sedge::node {

class DirectFile {
  public:
    // `path` exists. Without direct I/O there (tmpfs, some network file systems) every write is an ordinary one by `ordinary`, a
    // descriptor of the same file that outlives this.
    DirectFile(const std::string& path, int ordinary, std::size_t page_bytes, std::size_t max_bytes);

    // A buffer for the next write, of at most max_bytes. Its bytes are whatever they were.
    MutableBytes buffer(std::size_t size_bytes) { return {buffer_.get(), size_bytes}; }
    // Writes the first `size_bytes` of buffer() to `at`, both whole pages. `direct`: past the page cache if possible. 0 or an errno value.
    int write(std::uint64_t at, std::size_t size_bytes, bool direct);
    bool is_direct() const { return direct_.is_open(); }

  private:
    struct Free {
        void operator()(std::byte* bytes) const { std::free(bytes); }
    };
    const int ordinary_;
    File direct_;
    std::unique_ptr<std::byte, Free> buffer_;  // aligned to a page, as direct I/O wants it
};

}  // namespace sedge::node
