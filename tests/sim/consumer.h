// Those who read: consumers with long polls, one who asks for offsets, and the one who reads everything in the end.
#pragma once

#include <map>
#include <string>

#include "tests/sim/client.h"

namespace sedge::sim {

// Reads some partitions, each with one fetch under way; a greedy one has many, to meet the limits.
class Consumer : public Client {
  public:
    using Client::Client;
    void begin() override;
    void on_answer(ByteView header, const std::vector<SharedBytes>& body) override;
    bool is_done() const override { return asked_.empty(); }

  private:
    struct Cursor {
        std::string topic;
        PartitionIndex partition;
        Offset offset;
        std::uint64_t id = 0;  // of the fetch under way; 0: none
        std::uint64_t give_up_us = 0;
    };
    void step();
    void fetch(std::size_t index);
    void aim(Cursor& cursor);

    std::vector<Cursor> cursors_;
    std::map<std::uint64_t, std::size_t> asked_;  // correlation id -> cursor
};

class OffsetLister : public Client {
  public:
    using Client::Client;
    void begin() override;
    void on_answer(ByteView, const std::vector<SharedBytes>&) override {}
    bool is_done() const override { return true; }

  private:
    void step();
};

// Reads every partition from its start to its end; the checker compares.
class Verifier : public Client {
  public:
    using Client::Client;
    void begin() override {}
    void on_answer(ByteView header, const std::vector<SharedBytes>& body) override;
    bool is_done() const override { return left_.empty(); }
    std::string describe() const override;
    void read_everything();
    std::uint64_t records_read() const { return records_read_; }

  private:
    struct Task {
        TopicId topic;
        PartitionIndex partition;
        Offset at, end;
    };
    void fetch();
    void fetch_again_after(std::uint64_t delay_us);

    std::vector<Task> left_;  // the last is under way
    std::uint64_t id_ = 0;
    std::uint64_t attempt_ = 0;
    std::uint64_t records_read_ = 0;
};

}  // namespace sedge::sim
