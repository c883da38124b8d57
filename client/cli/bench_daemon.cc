#include "client/cli/bench_daemon.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <random>
#include <utility>

#include "client/cli/bench_measure.h"

extern char** environ;

namespace sedge::cli {
namespace {

constexpr int kReadyWithinMs = 120'000;
constexpr int kTries = 1'000;
constexpr std::uint16_t kFirstPort = 10'000, kLastPort = 32'000;  // below the range of outgoing connections
constexpr std::array<std::uint16_t, 4> kUsed = {0, 1, 2, 79};     // clients, peers, stream, HTTP

bool is_free(std::uint16_t port) {
    const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool is = bind(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    close(probe);
    return is;
}

std::uint16_t free_base_port() {
    std::random_device random;
    for (int i = 0; i < kTries; ++i) {
        const auto base = static_cast<std::uint16_t>(kFirstPort + random() % (kLastPort - kFirstPort));
        bool all = true;
        for (const auto step : kUsed) all = all && is_free(static_cast<std::uint16_t>(base + step));
        if (all) return base;
    }
    return 0;
}

}  // namespace

Result<BenchDaemon> BenchDaemon::start(const std::string& program, const std::string& data) {
    std::string listen = "127.0.0.1:" + std::to_string(free_base_port());
    std::array<int, 2> pipe_ends{};
    if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0) return Status{ErrorCode::unreachable, "no pipe for the daemon's output"};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDOUT_FILENO);
    std::array<std::string, 5> words = {program, "--data", data, "--listen", listen};
    std::array<char*, 6> arguments{};
    for (std::size_t i = 0; i < words.size(); ++i) arguments[i] = words[i].data();
    pid_t process = -1;
    const auto before = clock_ns();
    const int failure = posix_spawn(&process, program.c_str(), &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(pipe_ends[1]);
    BenchDaemon daemon(failure == 0 ? process : -1, pipe_ends[0], std::move(listen));
    if (failure != 0) return Status{ErrorCode::unreachable, "cannot start " + program};
    const auto status = daemon.wait_ready();
    if (!status.ok()) return status;
    daemon.seconds_to_ready_ = static_cast<double>(clock_ns() - before) / kNsPerSecond;
    return daemon;
}

Status BenchDaemon::wait_ready() {
    std::string line;
    pollfd readable{output_, POLLIN, 0};
    while (poll(&readable, 1, kReadyWithinMs) > 0) {
        char c = 0;
        if (read(output_, &c, 1) != 1) return {ErrorCode::unreachable, "the daemon ended before it was ready"};
        if (c != '\n')
            line += c;
        else if (line.starts_with("ready "))
            return {};
        else
            line.clear();
    }
    return {ErrorCode::timed_out, "the daemon was not ready in time"};
}

BenchDaemon::BenchDaemon(BenchDaemon&& other) noexcept
    : process_(std::exchange(other.process_, -1)), output_(std::exchange(other.output_, -1)), address_(std::move(other.address_)),
      seconds_to_ready_(other.seconds_to_ready_) {}

BenchDaemon::~BenchDaemon() {
    kill();
    if (output_ >= 0) close(output_);
}

void BenchDaemon::kill() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
    process_ = -1;
}

std::string sedged_beside_this() {
    std::error_code ignored;
    return (std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path() / "sedged").string();
}

}  // namespace sedge::cli
