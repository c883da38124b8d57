// What the machine itself allows: the same sockets and the same disk without a broker in between. Every figure of a benchmark is
// held against one of these, measured in the same run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/bench_measure.h"
#include "schema/status.h"

namespace sedge::cli {

// A DEALER sends messages of `bytes` to a ROUTER in another thread, which sends each one back, with `depth` of them under way.
// Loopback TCP, a zmq context for each side, as two processes would have.
Result<Figures> measure_echo(std::uint64_t count, std::uint64_t depth, std::size_t bytes);

// A ROUTER sends frames of `frame_bytes` to a DEALER as fast as it takes them, without copying them in.
Result<Figures> measure_stream(std::uint64_t total_bytes, std::size_t frame_bytes);

// A file in `directory` whose blocks were written before, so that a sync has no blocks to allocate. Gone when closed.
class WrittenFile {
  public:
    static Result<WrittenFile> create(const std::string& directory, std::uint64_t bytes);
    WrittenFile(WrittenFile&& other) noexcept;
    WrittenFile& operator=(WrittenFile&&) = delete;
    ~WrittenFile();

    // Writes pieces of `piece_bytes`, each followed by fdatasync, from the front of the file and round again, until `total_bytes` are
    // on the disk. The percentiles are those of one piece.
    Result<Figures> write_synced(std::uint64_t total_bytes, std::size_t piece_bytes) const;

  private:
    WrittenFile(int file, std::uint64_t bytes) : file_(file), bytes_(bytes) {}
    int file_;
    std::uint64_t bytes_;
};

// The limits by name, as `sedge bench limits` and the other verbs use them, each with the sizes that LIMITS.md gives.
inline constexpr std::size_t kSmallRecordBytes = 100;
inline constexpr std::uint64_t kManyInFlight = 1'000;
inline constexpr std::size_t kStreamFrameBytes = 64u << 10;
inline constexpr std::size_t kDiskPieceBytes = 1u << 20;
inline constexpr std::size_t kSyncBytes = 4u << 10;
inline constexpr std::uint64_t kWrittenFileBytes = 256u << 20;

}  // namespace sedge::cli
