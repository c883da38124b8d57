#include "client/cli/line_reader.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sedge::cli {
namespace {

constexpr std::size_t kReadBytes = 256u << 10;

}  // namespace

LineReader::Next LineReader::next(std::string_view& line) {
    for (;;) {
        const auto* from = buffer_.data() + scanned_;
        const auto* newline = static_cast<const char*>(std::memchr(from, '\n', buffer_.size() - scanned_));
        if (newline == nullptr) break;
        const auto end = static_cast<std::size_t>(newline - buffer_.data());
        line = std::string_view(buffer_).substr(at_, end - at_);
        at_ = scanned_ = end + 1;
        if (!skipping_) return line.size() > max_line_bytes_ ? Next::too_long : Next::line;
        skipping_ = false;  // that was the tail of a line reported already
    }
    scanned_ = buffer_.size();
    if (ended_) {
        line = std::string_view(buffer_).substr(at_);
        at_ = scanned_;
        if (line.empty() || skipping_) return Next::end;
        return line.size() > max_line_bytes_ ? Next::too_long : Next::line;
    }
    if (buffer_.size() - at_ <= max_line_bytes_) return Next::wait;
    // Too long already: forget what there is of it, and skip the rest when it comes.
    at_ = scanned_ = buffer_.size();
    if (skipping_) return Next::wait;
    skipping_ = true;
    return Next::too_long;
}

bool LineReader::fill() {
    buffer_.erase(0, at_);
    scanned_ -= at_;
    at_ = 0;
    const auto had = buffer_.size();
    buffer_.resize(had + kReadBytes);
    const auto got = read(fd_, buffer_.data() + had, kReadBytes);
    buffer_.resize(had + static_cast<std::size_t>(got > 0 ? got : 0));
    if (got > 0) return true;
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return true;
    error_ = got < 0 ? errno : 0;
    ended_ = true;
    return false;
}

}  // namespace sedge::cli
