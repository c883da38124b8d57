// The process's signals as a file descriptor. SIGPIPE is ignored.
#pragma once

#include "schema/status.h"

namespace sedge::node {

class Signals {
  public:
    enum class Event { none, stop, reload };

    // Blocks SIGTERM, SIGINT and SIGHUP for this thread and all that it starts later: call before any other thread is made.
    static Result<Signals> open();
    Signals(Signals&& other) noexcept;
    Signals& operator=(Signals&&) = delete;
    ~Signals();

    int fd() const { return fd_; }  // readable when next() has something
    Event next();                   // never blocks

  private:
    explicit Signals(int fd) : fd_(fd) {}
    int fd_ = -1;
};

}  // namespace sedge::node
