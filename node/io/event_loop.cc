#include "node/io/event_loop.h"

#include <algorithm>
#include <utility>

#include "node/io/log.h"
#include "node/io/process.h"

namespace sedge::node {
namespace {

// How often a loop that never sleeps looks at what only a system call can tell: signals, connections.
constexpr std::uint64_t kAsideIntervalMs = 50;
// Clients that take answers do not wake the loop; while it waits for that it looks by itself.
constexpr int kRepliesTakenPollMs = 5;
constexpr std::uint64_t kMemoryCheckIntervalMs = 20;

}  // namespace

EventLoop::EventLoop(EventLoopOptions options, EventLoopHooks hooks, Broker& broker, Journal& journal, FrontDoor& door, Waker& waker,
                     WallClock& clock, Signals* signals, PeerDoor* peers)
    : options_(options),
      hooks_(std::move(hooks)),
      broker_(broker),
      journal_(journal),
      door_(door),
      waker_(waker),
      clock_(clock),
      signals_(signals),
      peers_(peers),
      taken_([this](const ConnectionId& from, std::size_t bytes) { broker_.on_reply_taken(from, bytes); }),
      now_(clock.now()) {}

void EventLoop::request_stop() {
    stop_requested_.store(true);
    waker_.wake();
}

bool EventLoop::run() {
    while (true) {
        turn();
        if (!ready_ && broker_.is_idle()) {
            ready_ = true;
            hooks_.ready();
        }
        if (!stopping_) continue;
        if (broker_.is_idle()) return true;
        if (now_.monotonic_ms - stop_began_ms_ > options_.shutdown_limit_ms) return false;
    }
}

void EventLoop::turn() {
    ++counts_.turns;
    now_ = clock_.now();
    bool worked = receive();
    worked = receive_peers() || worked;
    worked = collect() || worked;
    worked = tick() || worked;
    carry_out();
    if (now_.monotonic_ms >= next_aside_ms_) look_aside(true);
    const bool finished = stopping_ && broker_.is_idle();
    if (!worked && !finished) sleep();
}

bool EventLoop::receive() {
    std::size_t bytes = 0;
    for (turn_messages_ = 0; turn_messages_ < options_.max_turn_messages && bytes < options_.max_turn_bytes; ++turn_messages_) {
        if (!reads_clients() || !door_.receive(from_, message_)) break;
        bytes += message_.total_bytes();
        broker_.on_message(now_, from_, message_);
    }
    return turn_messages_ != 0;
}

// Always, whatever waits for the disk: what peers acknowledge is what lets it go.
bool EventLoop::receive_peers() {
    if (peers_ == nullptr) return false;
    std::size_t messages = 0, bytes = 0;
    for (; messages < options_.max_turn_peer_messages && bytes < options_.max_turn_peer_bytes; ++messages) {
        if (!peers_->receive(message_)) break;
        bytes += message_.total_bytes();
        broker_.on_peer_message(now_, message_);
    }
    message_.clear();
    return messages != 0;
}

bool EventLoop::reads_clients() { return broker_.wants_input() || must_shed(); }

// Only asked while the broker takes no input.
bool EventLoop::must_shed() {
    if (options_.max_anonymous_bytes == 0) return false;
    if (now_.monotonic_ms < next_memory_check_ms_) return shedding_;
    next_memory_check_ms_ = now_.monotonic_ms + kMemoryCheckIntervalMs;
    const auto too_much = [&] { return process_memory().anonymous_bytes > options_.max_anonymous_bytes; };
    const bool was_shedding = std::exchange(shedding_, too_much());
    if (!shedding_ || was_shedding) return shedding_;
    trim_memory();  // it may only be the allocator that keeps it
    shedding_ = too_much();
    if (!shedding_) return false;
    ++counts_.sheddings;
    log_warning("shedding_load", {{"reason", "clients send more than the disk takes, and memory is used up"},
                                  {"max_anonymous_bytes", options_.max_anonymous_bytes}});
    return true;
}

void EventLoop::report_durable(WriteToken token) {
    if (token <= durable_) return;
    durable_ = token;
    broker_.on_durable(now_, token);
}

// What others have finished for us.
bool EventLoop::collect() {
    door_.collect_taken(taken_);
    if (!waker_.take()) return false;
    if (stop_requested_.load() && !stopping_) begin_stop();
    auto done = journal_.collect();
    report_durable(done.durable_to);
    for (auto& read : done.reads) broker_.on_read(now_, read.read_id, std::move(read.result));
    if (done.room_changed) broker_.on_room(now_, done.room);
    if (done.problems_changed) broker_.on_storage_problems(journal_.problems());
    return true;
}

bool EventLoop::tick() {
    if (now_.monotonic_ms >= next_housekeeping_ms_) {
        next_housekeeping_ms_ = now_.monotonic_ms + options_.housekeeping_interval_ms;
        door_.forget_idle(now_.monotonic_ms, taken_);
        hooks_.housekeeping(now_);
    }
    if (now_.monotonic_ms < broker_.next_tick_ms()) return false;
    broker_.on_tick(now_);
    return true;
}

void EventLoop::look_aside(bool poll_says_signal) {
    next_aside_ms_ = now_.monotonic_ms + kAsideIntervalMs;
    door_.watch_connections();
    if (peers_ != nullptr) peers_->watch_links(now_.monotonic_ms, [this](NodeId node) { broker_.on_peer_lost(now_, node); });
    if (signals_ == nullptr || !poll_says_signal) return;
    switch (signals_->next()) {
        case Signals::Event::stop:
            if (!stopping_) begin_stop();
            break;
        case Signals::Event::reload: hooks_.reload(); break;
        case Signals::Event::none: break;
    }
}

void EventLoop::begin_stop() {
    stopping_ = true;
    stop_began_ms_ = now_.monotonic_ms;
    hooks_.stopping();
    broker_.begin_shutdown(now_);
    carry_out();
}

void EventLoop::send(Send&& answer) {
    // A refused answer is gone: nobody else will report it.
    const std::size_t reply_bytes = answer.reply_bytes;
    const ConnectionId* to = &answer.to;  // send() takes the frames, not the address
    if (!door_.send(std::move(answer), now_.monotonic_ms) && reply_bytes != 0) broker_.on_reply_taken(*to, reply_bytes);
}

// A small write with nothing before it. The answers that it lets go are the caller's next effects.
bool EventLoop::commit_inline(JournalWrite& write) {
    if (durable_ < appended_ || write.roll || turn_messages_ > options_.inline_commit_messages) return false;
    std::size_t bytes = 0;
    for (const auto& entry : write.entries) bytes += entry.payload.size();
    if (bytes > options_.inline_commit_bytes || !journal_.commit_inline(write)) return false;
    ++counts_.inline_commits;
    appended_ = write.token;
    now_ = clock_.now();
    report_durable(write.token);
    return true;
}

void EventLoop::carry_out() {
    bool again = true;
    while (again) {
        again = false;
        effects_.clear();
        broker_.take_effects(now_, effects_);
        // Answers first: they may go out while the write is being made.
        for (auto& answer : effects_.sends) send(std::move(answer));
        for (auto& message : effects_.peer_sends)
            if (peers_ != nullptr) peers_->send(std::move(message), now_.monotonic_ms);
        for (auto& read : effects_.reads) journal_.read(std::move(read));
        for (const auto& release : effects_.releases) journal_.release(release);
        counts_.writes += effects_.writes.size();
        if (effects_.writes.size() == 1 && commit_inline(effects_.writes.front())) {
            again = true;
            continue;
        }
        for (auto& write : effects_.writes) {
            appended_ = write.token;
            journal_.append(std::move(write));
        }
    }
}

int EventLoop::sleep_ms() {
    std::uint64_t until_ms = std::min(next_housekeeping_ms_, broker_.next_tick_ms());
    if (until_ms <= now_.monotonic_ms) return 0;
    const auto wait_ms = static_cast<int>(std::min<std::uint64_t>(until_ms - now_.monotonic_ms, options_.housekeeping_interval_ms));
    return broker_.wants_input() ? wait_ms : std::min(wait_ms, kRepliesTakenPollMs);
}

void EventLoop::sleep() {
    const int timeout_ms = sleep_ms();
    // The order matters: first announce the sleep, then look once more, then sleep.
    if (!waker_.prepare_sleep()) return;
    if ((door_.has_input() && reads_clients()) || (peers_ != nullptr && peers_->has_input())) {
        waker_.woken(false);
        return;
    }
    ++counts_.sleeps;
    polled_.assign({{waker_.fd(), POLLIN, 0},
                    {door_.fd(), POLLIN, 0},
                    {peers_ == nullptr ? -1 : peers_->fd(), POLLIN, 0},
                    {signals_ == nullptr ? -1 : signals_->fd(), POLLIN, 0},
                    {door_.monitor_fd(), POLLIN, 0}});
    constexpr std::ptrdiff_t kSignals = 3, kFirstAside = 3;
    if (peers_ != nullptr)
        for (const int fd : peers_->monitor_fds()) polled_.push_back({fd, POLLIN, 0});
    const int ready = ::poll(polled_.data(), polled_.size(), timeout_ms);
    waker_.woken(ready > 0 && polled_[0].revents != 0);
    const bool is_aside = std::any_of(polled_.begin() + kFirstAside, polled_.end(), [](const pollfd& each) { return each.revents != 0; });
    if (ready > 0 && is_aside) look_aside(polled_[kSignals].revents != 0);
}

}  // namespace sedge::node
