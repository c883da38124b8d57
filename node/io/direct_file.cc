#include "node/io/direct_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <new>

namespace sedge::node {
namespace {

int write_all(int descriptor, std::uint64_t at, ByteView bytes) {
    while (!bytes.empty()) {
        const auto n = ::pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(at));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n == 0 ? ENOSPC : errno;
        at += static_cast<std::uint64_t>(n);
        bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
    return 0;
}

}  // namespace

DirectFile::DirectFile(const std::string& path, int ordinary, std::size_t page_bytes, std::size_t max_bytes)
    : ordinary_(ordinary),
      direct_(File::open(path, O_RDWR | O_DIRECT)),
      buffer_(static_cast<std::byte*>(std::aligned_alloc(page_bytes, (max_bytes + page_bytes - 1) / page_bytes * page_bytes))) {
    if (!buffer_) throw std::bad_alloc();
}

int DirectFile::write(std::uint64_t at, std::size_t size_bytes, bool direct) {
    const ByteView bytes(buffer_.get(), size_bytes);
    if (!direct || !direct_.is_open()) return write_all(ordinary_, at, bytes);
    const int error = write_all(direct_.descriptor(), at, bytes);
    if (error != EINVAL) return error;
    // It could be opened so, but wants another alignment than a page's, or takes none of it: never again.
    direct_ = File();
    return write_all(ordinary_, at, bytes);
}

}  // namespace sedge::node
