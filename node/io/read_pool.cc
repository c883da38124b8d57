#include "node/io/read_pool.h"

#include <utility>

namespace sedge::node {

void ReadPool::start(std::size_t threads) {
    for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

void ReadPool::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
}

void ReadPool::add(ReadEffect request) {
    {
        const std::lock_guard lock(mutex_);
        waiting_.push_back(std::move(request));
    }
    wake_.notify_one();
}

std::vector<Journal::Completed::Read> ReadPool::collect() {
    const std::lock_guard lock(mutex_);
    return std::exchange(done_, {});
}

std::uint64_t ReadPool::count() const {
    const std::lock_guard lock(mutex_);
    return count_;
}

void ReadPool::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        wake_.wait(lock, [this] { return !waiting_.empty() || stopping_; });
        if (stopping_) return;
        const ReadEffect request = std::move(waiting_.front());
        waiting_.pop_front();
        lock.unlock();
        Journal::Completed::Read result = std::visit([this](const auto& each) { return serve(each); }, request);
        lock.lock();
        done_.push_back(std::move(result));
        ++count_;
        lock.unlock();
        finished_();
        lock.lock();
    }
}

}  // namespace sedge::node
