// A sedged of a benchmark's own.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "schema/status.h"

namespace sedge::cli {

class BenchDaemon {
  public:
    // Starts `program` on free loopback ports with its data in `data`, and waits for its line that says it is ready.
    static Result<BenchDaemon> start(const std::string& program, const std::string& data);
    BenchDaemon(BenchDaemon&& other) noexcept;
    BenchDaemon& operator=(BenchDaemon&&) = delete;
    // Kills it if it still runs.
    ~BenchDaemon();

    void kill();  // with -9, and waits for its end
    const std::string& address() const { return address_; }  // "host:port"
    double seconds_to_ready() const { return seconds_to_ready_; }

  private:
    BenchDaemon(pid_t process, int output, std::string address) : process_(process), output_(output), address_(std::move(address)) {}
    Status wait_ready();

    pid_t process_;
    int output_;  // where it prints
    std::string address_;
    double seconds_to_ready_ = 0;
};

// The sedged that lies beside this program.
std::string sedged_beside_this();

}  // namespace sedge::cli
