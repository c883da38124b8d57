// A few threads that serve reads which may touch the disk, in the order of asking as far as there are threads.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "node/io/journal.h"
#include "node/io/journal_reader.h"

namespace sedge::node {

class ReadPool {
  public:
    // `finished` is called on a reading thread when something is ready to be collected.
    ReadPool(JournalReader& reader, std::function<void()> finished) : reader_(reader), finished_(std::move(finished)) {}
    ~ReadPool() { stop(); }

    void start(std::size_t threads);
    // Reads not yet begun are dropped.
    void stop();

    void add(ReadEffect request);
    std::vector<Journal::Completed::Read> collect();
    std::uint64_t count() const;

  private:
    void run();
    Journal::Completed::Read serve(const ReadRecords& request) { return {request.read_id, reader_.read(request)}; }
    Journal::Completed::Read serve(const FindTime& request) { return {request.read_id, reader_.find(request)}; }

    JournalReader& reader_;
    const std::function<void()> finished_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<ReadEffect> waiting_;
    std::vector<Journal::Completed::Read> done_;
    std::uint64_t count_ = 0;
    bool stopping_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace sedge::node
