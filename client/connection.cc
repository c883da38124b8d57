#include "client/connection.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <future>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>

#include "client/link.h"

namespace sedge {
namespace {

constexpr std::size_t kAnswersPerTurn = 256;
constexpr std::uint64_t kDeadlineScanMs = 20;
constexpr std::uint64_t kIdlePollMs = 1'000;
constexpr std::uint64_t kAttemptMs = 2'000;      // from connect() to a finished handshake, when there are other nodes to try
constexpr int kLingerMs = 500;                   // for what was written just before the end
constexpr std::uint32_t kCallPauseMs = 20;       // between attempts of call_until, doubling
constexpr std::uint32_t kMaxCallPauseMs = 500;

std::string join(const std::vector<std::string>& parts) {
    std::string all;
    for (const auto& part : parts) all += (all.empty() ? "" : ", ") + part;
    return all;
}

// Closes itself.
class EventFd {
  public:
    EventFd() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}
    ~EventFd() {
        if (fd_ >= 0) close(fd_);
    }
    EventFd(const EventFd&) = delete;
    EventFd& operator=(const EventFd&) = delete;
    int get() const { return fd_; }
    void signal() const {
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto written = write(fd_, &one, sizeof one);
    }
    void drain() const {
        std::uint64_t count = 0;
        [[maybe_unused]] const auto taken = read(fd_, &count, sizeof count);
    }

  private:
    int fd_;
};

struct Outgoing {
    std::uint64_t id = 0;
    std::size_t request_index = 0;  // in RequestBody
    Buffer header;
    SharedBytes payload;
    std::uint32_t timeout_ms = 0;
    Connection::Callback done;
    std::uint64_t give_up_ms = 0;  // when it waits for a node until then
};

struct Written {
    std::size_t request_index = 0;
    std::uint64_t written_ms = 0;
    std::uint64_t deadline_ms = 0;
    Connection::Callback done;
};

}  // namespace

std::vector<std::string> split_nodes(const std::string& list) {
    constexpr std::string_view kScheme = "tcp://";
    std::vector<std::string> nodes;
    for (std::size_t from = 0; from <= list.size();) {
        const auto comma = std::min(list.find(',', from), list.size());
        auto node = list.substr(from, comma - from);
        if (node.starts_with(kScheme)) node.erase(0, kScheme.size());
        if (!node.empty()) nodes.push_back(std::move(node));
        from = comma + 1;
    }
    return nodes;
}

std::uint64_t Connection::now_ms() {
    const auto since = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(since).count());
}

// Everything that the background thread owns, and the inbox through which others reach it.
struct Connection::Loop {
    Loop(const ConnectOptions& options, Worker* worker) : options_(options), worker_(worker) {
        nodes_ = split_nodes(join_nodes(options.nodes));
    }
    ~Loop() {
        stop_ = true;
        event_.signal();
        if (thread_.joinable()) thread_.join();
    }
    // Apart from construction: the worker may use the connection as soon as the thread runs.
    void start() {
        thread_ = std::thread([this] { run(); });
    }

    void send(Outgoing request) {
        request.give_up_ms = now_ms() + options_.connect_timeout_ms;
        if (std::this_thread::get_id() == own_id_.load(std::memory_order_relaxed)) {
            waiting_.push_back(std::move(request));
            return;
        }
        {
            const std::lock_guard lock(inbox_mutex_);
            inbox_.push_back(std::move(request));
        }
        wake();
    }

    void wake() {
        if (asleep_.exchange(false)) event_.signal();
    }

    std::atomic<std::uint64_t> next_id_{1};

  private:
    static std::string join_nodes(const std::vector<std::string>& nodes) {
        std::string list;
        for (const auto& node : nodes) list += node + ",";
        return list;
    }

    void run();
    bool turn(std::uint64_t now);
    void sleep_until(std::uint64_t when, std::uint64_t now);
    void take_inbox();
    void keep_connected(std::uint64_t now);
    void drop_link(std::uint64_t now, const std::string& why);
    bool write_waiting(std::uint64_t now);
    bool read_answers(std::uint64_t now);
    void deliver(std::vector<zmq::message_t>& frames);
    void check_deadlines(std::uint64_t now);
    void give_up_waiting(std::uint64_t now);
    void fail_all(const std::string& why);
    static void fail(Callback& done, ErrorCode code, std::string message, bool maybe_done);

    const ConnectOptions options_;
    Worker* const worker_;
    std::vector<std::string> nodes_;

    // Between threads.
    std::mutex inbox_mutex_;
    std::vector<Outgoing> inbox_;
    EventFd event_;
    std::atomic<bool> asleep_{false};
    std::atomic<bool> stop_{false};
    std::atomic<std::thread::id> own_id_{};

    // The thread's own.
    zmq::context_t context_{1};
    std::unique_ptr<Link> link_;
    std::size_t next_node_ = 0;
    std::uint64_t connect_at_ms_ = 0;      // the next attempt, when there is no link
    std::uint64_t attempt_ends_ms_ = 0;    // of the attempt under way
    std::uint32_t pause_ms_ = 0;           // after the next failed attempt
    std::uint64_t heard_ms_ = 0;           // the last answer of any kind on this link
    std::uint64_t next_scan_ms_ = 0;
    std::string last_failure_;
    std::deque<Outgoing> waiting_;         // not yet written
    std::unordered_map<std::uint64_t, Written> written_;
    std::vector<zmq::message_t> frames_;

    std::thread thread_;
};

void Connection::Loop::run() {
    own_id_ = std::this_thread::get_id();
    std::uint64_t work_at = 0;
    while (!stop_) {
        const auto now = now_ms();
        const bool busy = turn(now);
        if (worker_ != nullptr) work_at = worker_->work(now);
        if (busy || (link_ && link_->state() == Link::State::connected && !waiting_.empty())) {
            write_waiting(now);
            continue;
        }
        asleep_ = true;
        bool has_mail = false;
        {
            const std::lock_guard lock(inbox_mutex_);
            has_mail = !inbox_.empty();
        }
        // Whoever woke us since work() found us awake must not be missed: the worker is asked once more after going to sleep.
        if (worker_ != nullptr && !has_mail) work_at = worker_->work(now);
        if (!has_mail && (waiting_.empty() || !link_ || link_->state() != Link::State::connected))
            sleep_until(worker_ != nullptr ? work_at : now + kIdlePollMs, now);
        asleep_ = false;
    }
    if (link_) link_->linger(kLingerMs);
    fail_all("the client was closed");
}

// One round of everything; true if there may be more to do at once.
bool Connection::Loop::turn(std::uint64_t now) {
    take_inbox();
    keep_connected(now);
    bool busy = write_waiting(now);
    busy = read_answers(now) || busy;
    if (now >= next_scan_ms_) {
        next_scan_ms_ = now + kDeadlineScanMs;
        check_deadlines(now);
        give_up_waiting(now);
    }
    return busy;
}

void Connection::Loop::sleep_until(std::uint64_t when, std::uint64_t now) {
    auto wake_at = std::min(when, now + kIdlePollMs);
    if (!written_.empty() || !waiting_.empty()) wake_at = std::min(wake_at, std::max(next_scan_ms_, now + 1));
    if (!link_) wake_at = std::min(wake_at, std::max(connect_at_ms_, now + 1));
    const auto timeout = static_cast<long>(wake_at > now ? wake_at - now : 0);
    std::array<zmq_pollitem_t, 3> items{};
    items[0] = {nullptr, event_.get(), ZMQ_POLLIN, 0};
    int count = 1;
    if (link_) {
        items[1] = {link_->socket(), 0, ZMQ_POLLIN, 0};
        items[2] = {link_->monitor(), 0, ZMQ_POLLIN, 0};
        count = 3;
    }
    zmq_poll(items.data(), count, timeout);
    if ((items[0].revents & ZMQ_POLLIN) != 0) event_.drain();
}

void Connection::Loop::take_inbox() {
    const std::lock_guard lock(inbox_mutex_);
    for (auto& request : inbox_) waiting_.push_back(std::move(request));
    inbox_.clear();
}

void Connection::Loop::keep_connected(std::uint64_t now) {
    if (nodes_.empty()) {
        last_failure_ = "no node's address was given";
        return;
    }
    if (!link_) {
        if (now < connect_at_ms_) return;
        try {
            link_ = std::make_unique<Link>(context_, nodes_[next_node_]);
        } catch (const zmq::error_t& error) {
            drop_link(now, error.what());
            return;
        }
        attempt_ends_ms_ = now + kAttemptMs;
    }
    const auto before = link_->state();
    switch (link_->update()) {
        case Link::State::connected:
            if (before != Link::State::connected) heard_ms_ = now;
            pause_ms_ = options_.reconnect_min_ms;
            break;
        case Link::State::lost: drop_link(now, link_->why_lost()); break;
        case Link::State::connecting:
            if (now >= attempt_ends_ms_) drop_link(now, "it does not answer");
            break;
    }
}

// What was written fails, what was not waits for the next node.
void Connection::Loop::drop_link(std::uint64_t now, const std::string& why) {
    last_failure_ = nodes_[next_node_] + ": " + why;
    link_.reset();
    next_node_ = (next_node_ + 1) % nodes_.size();
    // Round the whole list quickly, then pause.
    connect_at_ms_ = now + (next_node_ == 0 ? pause_ms_ : 0);
    if (next_node_ == 0)
        pause_ms_ = std::clamp(pause_ms_ * 2, std::max(options_.reconnect_min_ms, 1u), options_.reconnect_max_ms);
    auto lost = std::move(written_);
    written_.clear();
    // In the order of sending, which is the order of ids.
    std::vector<std::uint64_t> ids;
    for (const auto& entry : lost) ids.push_back(entry.first);
    std::sort(ids.begin(), ids.end());
    for (const auto id : ids) fail(lost[id].done, ErrorCode::unreachable, last_failure_, true);
}

bool Connection::Loop::write_waiting(std::uint64_t now) {
    if (waiting_.empty() || !link_ || link_->state() != Link::State::connected) return false;
    while (!waiting_.empty()) {
        auto& request = waiting_.front();
        if (!link_->write(request.header, request.payload)) break;  // lost: the next turn finds out
        if (request.done)
            written_.emplace(request.id,
                             Written{request.request_index, now, now + request.timeout_ms, std::move(request.done)});
        waiting_.pop_front();
    }
    return true;
}

bool Connection::Loop::read_answers(std::uint64_t now) {
    if (!link_) return false;
    std::size_t taken = 0;
    while (taken < kAnswersPerTurn && link_->read(frames_)) {
        ++taken;
        heard_ms_ = now;
        deliver(frames_);
    }
    return taken > 0;
}

void Connection::Loop::deliver(std::vector<zmq::message_t>& frames) {
    const ByteView head(static_cast<const std::byte*>(frames[0].data()), frames[0].size());
    const auto id = response_correlation_id(head);
    if (!id) return;  // not an answer: ignored, its request will time out
    const auto found = written_.find(*id);
    if (found == written_.end()) return;  // came too late
    Reply reply;
    reply.node = link_->address();
    auto response = decode_response(head, found->second.request_index);
    if (response.ok()) {
        reply.body = std::move(response->body);
        if (const auto* refused = std::get_if<ErrorResponse>(&reply.body)) reply.status = refused->status;
    } else {
        reply.status = response.status();
    }
    for (std::size_t i = 1; i < frames.size(); ++i) {
        auto owner = std::make_shared<zmq::message_t>(std::move(frames[i]));
        const ByteView bytes(static_cast<const std::byte*>(owner->data()), owner->size());
        reply.frames.emplace_back(std::move(owner), bytes);
    }
    const auto done = std::move(found->second.done);
    written_.erase(found);
    done(reply);
}

// A request without an answer in time fails. If the node said nothing at all since it was written, the node is silent and left.
void Connection::Loop::check_deadlines(std::uint64_t now) {
    std::vector<std::uint64_t> overdue;
    bool silent = false;
    for (const auto& [id, request] : written_) {
        if (now < request.deadline_ms) continue;
        overdue.push_back(id);
        silent = silent || heard_ms_ < request.written_ms;
    }
    std::sort(overdue.begin(), overdue.end());
    for (const auto id : overdue) {
        auto node = written_.extract(id);
        fail(node.mapped().done, ErrorCode::timed_out, "no answer from " + nodes_[next_node_] + " in time", true);
    }
    if (silent && link_) drop_link(now, "it accepts connections but does not answer");
}

void Connection::Loop::give_up_waiting(std::uint64_t now) {
    std::deque<Outgoing> kept;
    std::vector<Outgoing> given_up;
    for (auto& request : waiting_) {
        if (now < request.give_up_ms)
            kept.push_back(std::move(request));
        else
            given_up.push_back(std::move(request));
    }
    waiting_ = std::move(kept);
    for (auto& request : given_up)
        fail(request.done, ErrorCode::unreachable,
             last_failure_.empty() ? "no node could be reached at " + join(nodes_) : last_failure_, false);
}

void Connection::Loop::fail_all(const std::string& why) {
    take_inbox();
    auto written = std::move(written_);
    auto waiting = std::move(waiting_);
    for (auto& entry : written) fail(entry.second.done, ErrorCode::unreachable, why, true);
    for (auto& request : waiting) fail(request.done, ErrorCode::unreachable, why, false);
    written_.clear();
    waiting_.clear();
}

void Connection::Loop::fail(Callback& done, ErrorCode code, std::string message, bool maybe_done) {
    if (!done) return;
    Reply reply;
    reply.status = {code, std::move(message)};
    reply.body = ErrorResponse{reply.status, {}, {}, {}};
    reply.maybe_done = maybe_done;
    done(reply);
}

Connection::Connection(ConnectOptions options, Worker* worker)
    : options_(std::move(options)), loop_(std::make_unique<Loop>(options_, worker)) {
    loop_->start();
}

Connection::~Connection() = default;

void Connection::send(const RequestBody& request, SharedBytes payload, std::uint32_t timeout_ms, Callback done) {
    Outgoing outgoing;
    outgoing.id = loop_->next_id_++;
    outgoing.request_index = request.index();
    encode_request(outgoing.id, request, outgoing.header);
    outgoing.payload = std::move(payload);
    outgoing.timeout_ms = timeout_ms != 0 ? timeout_ms : options_.request_timeout_ms;
    outgoing.done = std::move(done);
    loop_->send(std::move(outgoing));
}

void Connection::wake() { loop_->wake(); }

Reply Connection::call(const RequestBody& request, std::uint32_t timeout_ms) {
    std::promise<Reply> promise;
    auto answer = promise.get_future();
    send(request, {}, timeout_ms, [&promise](Reply& reply) { promise.set_value(std::move(reply)); });
    return answer.get();
}

Reply Connection::call_until(const RequestBody& request, std::uint32_t timeout_ms, bool* retried_blindly) {
    const auto deadline = now_ms() + timeout_ms;
    auto pause = kCallPauseMs;
    for (;;) {
        const auto now = now_ms();
        const auto left = deadline > now ? static_cast<std::uint32_t>(deadline - now) : 1u;
        auto reply = call(request, std::min(left, options_.request_timeout_ms));
        const bool lost = reply.status.code == ErrorCode::unreachable && reply.maybe_done;
        const bool again = lost || reply.status.code == ErrorCode::timed_out || is_retriable(reply.status.code);
        // Nobody was there for as long as the options allow: that is an answer, too.
        const bool nobody = reply.status.code == ErrorCode::unreachable && !reply.maybe_done;
        if (reply.status.ok() || nobody || !again || now_ms() + pause >= deadline) return reply;
        if (reply.maybe_done && retried_blindly != nullptr) *retried_blindly = true;
        std::this_thread::sleep_for(std::chrono::milliseconds(pause));
        pause = std::min(pause * 2, kMaxCallPauseMs);
    }
}

}  // namespace sedge
