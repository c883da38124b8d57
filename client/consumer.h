// Reading records, by assignment: the application says which partitions, and from where.
//
//     sedge::Consumer consumer({.nodes = {"edge-1:7701"}}, {});
//     consumer.assign_topic("readings", sedge::StartAt::beginning());
//     for (;;) {
//         const auto records = consumer.poll(1'000);
//         for (const auto& record : records) use(record.key, record.value);
//         for (const auto& problem : records.problems()) complain(problem.status.message);
//     }
//
// Within a partition records come in the order of their offsets, each once: lost connections, restarts and changes of leader neither
// skip nor repeat any. Where records are gone (damaged on disk, removed by retention) the gap is reported, never passed over silently.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/connect_options.h"
#include "schema/bytes.h"
#include "schema/ids.h"
#include "schema/limits.h"
#include "schema/record_batch.h"
#include "schema/status.h"

namespace sedge {

struct ConsumerOptions {
    std::uint32_t fetch_bytes = limits::kDefaultFetchBytes;  // asked for at once; an answer may be larger by a batch
    std::uint32_t max_wait_ms = 1'000;                       // how long a node holds a fetch when there is nothing new
    std::size_t buffer_bytes = 32u << 20;                    // fetched ahead of poll(); about this much memory, over all partitions
};

// Where to begin in a partition.
struct StartAt {
    enum class Kind : std::uint8_t { beginning, end, offset, before_end, time };
    Kind kind = Kind::end;
    std::uint64_t value = 0;

    static StartAt beginning() { return {Kind::beginning, 0}; }
    static StartAt end() { return {Kind::end, 0}; }  // only what comes from now on
    static StartAt offset(Offset at) { return {Kind::offset, at.value}; }
    static StartAt before_end(std::uint64_t records) { return {Kind::before_end, records}; }  // the last so many records
    static StartAt time(std::uint64_t unix_ms) { return {Kind::time, unix_ms}; }  // the first record not older than that
};

struct Assignment {
    std::string topic;
    PartitionIndex partition;
    StartAt start;
};

struct ConsumerRecord : RecordView {
    std::string_view topic;
    PartitionIndex partition;
    Offset offset;
};

// Records from `from` up to `to` were not and will not be delivered; or, if `stopped`, the partition is not read any further.
struct ConsumerProblem {
    Status status;
    std::string topic;
    PartitionIndex partition;
    Offset from;
    Offset to;
    bool stopped = false;
};

// A batch as it was fetched, verified: for those who pass batches on or unpack them their own way.
struct FetchedBatch {
    std::shared_ptr<const std::string> topic;
    PartitionIndex partition;
    BatchHeader header;
    SharedBytes bytes;  // may be kept as long as liked
    Offset from;        // records before this one were delivered already
};

// What one poll() returned. Its records point into the received messages, which live as long as this object. Movable.
class Records {
  public:
    using const_iterator = std::vector<ConsumerRecord>::const_iterator;
    const_iterator begin() const { return records_.begin(); }
    const_iterator end() const { return records_.end(); }
    std::size_t size() const { return records_.size(); }
    bool empty() const { return records_.empty(); }
    const ConsumerRecord& operator[](std::size_t index) const { return records_[index]; }
    const std::vector<ConsumerProblem>& problems() const { return problems_; }

  private:
    friend class Consumer;
    std::vector<ConsumerRecord> records_;
    std::vector<ConsumerProblem> problems_;
    std::vector<FetchedBatch> batches_;    // keep what records_ points to
    std::vector<SharedBytes> decompressed_;
};

struct Batches {
    std::vector<FetchedBatch> batches;
    std::vector<ConsumerProblem> problems;
};

// One thread at a time may use it; it reads ahead by itself.
class Consumer {
  public:
    explicit Consumer(ConnectOptions connect = {}, ConsumerOptions options = {});
    ~Consumer();
    Consumer(const Consumer&) = delete;
    Consumer& operator=(const Consumer&) = delete;

    // Reads these partitions from now on, and no others. Asks the mesh where they begin; on a failure nothing is assigned.
    Status assign(const std::vector<Assignment>& assignments, std::uint32_t timeout_ms = 10'000);
    // assign() of all partitions of a topic.
    Status assign_topic(std::string_view topic, StartAt start, std::uint32_t timeout_ms = 10'000);

    // Waits up to `timeout_ms` for records; what is there already comes at once. Empty when there were none.
    Records poll(std::uint32_t timeout_ms);
    // The same, not unpacked.
    Batches poll_batches(std::uint32_t timeout_ms);

    // Is there anything for poll() to return without waiting?
    bool has_more() const;
    // The offset of the next record that poll() will return; nullopt if the partition is not assigned.
    std::optional<Offset> position(std::string_view topic, PartitionIndex partition) const;
    // What keeps records from coming, and for how long; ok if nothing does. It is retried all the while.
    struct Trouble {
        Status status;
        std::uint64_t for_ms = 0;
    };
    Trouble trouble() const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sedge
