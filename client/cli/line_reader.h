// Lines from a file descriptor, in large reads, with bounded memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sedge::cli {

class LineReader {
  public:
    // Lines longer than `max_line_bytes` are skipped whole and reported as too_long.
    LineReader(int fd, std::size_t max_line_bytes) : fd_(fd), max_line_bytes_(max_line_bytes) {}

    enum class Next : std::uint8_t { line, too_long, wait, end };
    // The next line, without its newline; valid until the next call. wait: there is none without reading more.
    Next next(std::string_view& line);
    // Reads once; blocks if there is nothing. False at the end or on an error: then a last line without newline may be left.
    bool fill();
    // errno of the read that failed; 0 at a plain end.
    int error() const { return error_; }

  private:
    int fd_;
    std::size_t max_line_bytes_;
    std::string buffer_;
    std::size_t at_ = 0;       // the next line begins here
    std::size_t scanned_ = 0;  // no newline before this place
    bool skipping_ = false;    // the rest of a line that was too long
    bool ended_ = false;
    int error_ = 0;
};

}  // namespace sedge::cli
