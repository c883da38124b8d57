#include "node/io/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>

namespace sedge::node {

File& File::operator=(File&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
}

File::~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

File File::open(const std::string& path, int flags) {
    constexpr mode_t kOwnerOnly = 0640;
    return File(::open(path.c_str(), flags | O_CLOEXEC, kOwnerOnly));
}

std::uint64_t File::size_bytes() const {
    struct stat about{};
    return ::fstat(descriptor_, &about) == 0 ? static_cast<std::uint64_t>(about.st_size) : 0;
}

std::int64_t File::read_at(std::uint64_t at, MutableBytes out) const {
    std::size_t done = 0;
    while (done < out.size()) {
        const auto n = ::pread(descriptor_, out.data() + done, out.size() - done, static_cast<off_t>(at + done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -1;
        if (n == 0) break;
        done += static_cast<std::size_t>(n);
    }
    return static_cast<std::int64_t>(done);
}

int File::write_at(std::uint64_t at, ByteView bytes) const {
    std::size_t done = 0;
    while (done < bytes.size()) {
        const auto n = ::pwrite(descriptor_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(at + done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno;
        if (n == 0) return ENOSPC;
        done += static_cast<std::size_t>(n);
    }
    return 0;
}

int File::sync() const { return ::fdatasync(descriptor_) == 0 ? 0 : errno; }

int File::reserve(std::uint64_t size_bytes) const {
    int error = ::posix_fallocate(descriptor_, 0, static_cast<off_t>(size_bytes));
    while (error == EINTR) error = ::posix_fallocate(descriptor_, 0, static_cast<off_t>(size_bytes));
    return error;
}

int File::cut_unused(std::uint64_t used_bytes) const {
    const std::uint64_t size = size_bytes();
    if (used_bytes >= size || size - used_bytes <= size / 4) return 0;
    return ::ftruncate(descriptor_, static_cast<off_t>(used_bytes)) == 0 ? 0 : errno;
}

void File::drop_cached_pages(std::uint64_t at, std::uint64_t size) const {
    ::posix_fadvise(descriptor_, static_cast<off_t>(at), static_cast<off_t>(size), POSIX_FADV_DONTNEED);
}

int sync_directory(const std::string& path) {
    const File directory = File::open(path, O_RDONLY | O_DIRECTORY);
    if (!directory.is_open()) return errno;
    return ::fsync(directory.descriptor()) == 0 ? 0 : errno;
}

int replace_file(const std::string& directory, const std::string& name, ByteView bytes) {
    const std::string path = directory + "/" + name;
    const std::string temporary = path + ".new";
    {
        const File file = File::open(temporary, O_WRONLY | O_CREAT | O_TRUNC);
        if (!file.is_open()) return errno;
        if (const int error = file.write_at(0, bytes)) return error;
        if (::fsync(file.descriptor()) != 0) return errno;
    }
    if (std::rename(temporary.c_str(), path.c_str()) != 0) return errno;
    return sync_directory(directory);
}

std::vector<std::string> names_in(const std::string& directory) {
    std::vector<std::string> names;
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(directory.c_str()), &::closedir);
    while (const dirent* entry = listing ? ::readdir(listing.get()) : nullptr) names.emplace_back(entry->d_name);
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace sedge::node
