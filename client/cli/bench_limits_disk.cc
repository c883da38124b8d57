// The disk's limits.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "client/cli/bench_limits.h"

namespace sedge::cli {
namespace {

Status failed(const char* what) { return {ErrorCode::storage_failed, std::string(what) + ": " + std::strerror(errno)}; }

// Not zeros: a file system or a disk may store those for nothing.
std::vector<char> noise(std::size_t bytes) {
    std::vector<char> out(bytes);
    std::uint32_t state = 1;
    for (auto& byte : out) {
        state = state * 1'664'525u + 1'013'904'223u;
        byte = static_cast<char>(state >> 24);
    }
    return out;
}

bool write_at(int file, const std::vector<char>& bytes, std::uint64_t at) {
    for (std::size_t done = 0; done < bytes.size();) {
        const auto written = pwrite(file, bytes.data() + done, bytes.size() - done, static_cast<off_t>(at + done));
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        done += static_cast<std::size_t>(written);
    }
    return true;
}

}  // namespace

Result<WrittenFile> WrittenFile::create(const std::string& directory, std::uint64_t bytes) {
    std::string path = directory + "/sedge-bench-XXXXXX";
    const int descriptor = mkstemp(path.data());
    if (descriptor < 0) return failed(("cannot make a file in " + directory).c_str());
    WrittenFile file(descriptor, bytes);
    unlink(path.c_str());
    const auto piece = noise(kDiskPieceBytes);
    for (std::uint64_t at = 0; at < bytes; at += piece.size())
        if (!write_at(descriptor, piece, at)) return failed("writing the file for the disk's limits");
    if (fsync(descriptor) != 0) return failed("fsync");
    return file;
}

WrittenFile::WrittenFile(WrittenFile&& other) noexcept : file_(std::exchange(other.file_, -1)), bytes_(other.bytes_) {}

WrittenFile::~WrittenFile() {
    if (file_ >= 0) close(file_);
}

Result<Figures> WrittenFile::write_synced(std::uint64_t total_bytes, std::size_t piece_bytes) const {
    const auto piece = noise(piece_bytes);
    const std::uint64_t pieces = std::max<std::uint64_t>(1, total_bytes / piece_bytes);
    const std::uint64_t places = std::max<std::uint64_t>(1, bytes_ / piece_bytes);
    Latencies latencies;
    latencies.reserve(pieces);
    const auto start = clock_ns();
    auto before = start;
    for (std::uint64_t i = 0; i < pieces; ++i) {
        if (!write_at(file_, piece, i % places * piece_bytes)) return failed("pwrite");
        if (fdatasync(file_) != 0) return failed("fdatasync");
        const auto now = clock_ns();
        latencies.add(now - before);
        before = now;
    }
    Figures figures;
    figures.records = pieces;
    figures.bytes = pieces * piece_bytes;
    figures.seconds = static_cast<double>(before - start) / kNsPerSecond;
    latencies.summarise(figures);
    return figures;
}

}  // namespace sedge::cli
