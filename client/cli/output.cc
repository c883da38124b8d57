#include "client/cli/output.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

namespace sedge::cli {
namespace {

constexpr std::size_t kLargeBytes = 256u << 10;

}  // namespace

bool print(std::string_view text) {
    while (!text.empty()) {
        const auto written = write(STDOUT_FILENO, text.data(), text.size());
        if (written >= 0) {
            text.remove_prefix(static_cast<std::size_t>(written));
        } else if (errno == EAGAIN) {
            pollfd writable{STDOUT_FILENO, POLLOUT, 0};
            poll(&writable, 1, -1);
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

bool Output::flush_if_large() { return text_.size() < kLargeBytes ? !closed_ : flush(); }

bool Output::flush() {
    if (!closed_ && !text_.empty()) closed_ = !print(text_);
    text_.clear();
    return !closed_;
}

}  // namespace sedge::cli
