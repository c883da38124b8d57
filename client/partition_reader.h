// Fetches of one partition: which to send next, and in what order their answers count. A pure state machine, so that it is tested
// without sockets; internal to libsedge.
//
// What is kept at every moment: what has been handed over is exactly the records from the start up to next_offset(), without gaps
// except those reported. An answer counts only if it joins on there; anything else is fetched again.
//
// To keep the pipe full, a second fetch is sent before the first is answered. Where the second should begin is not known for sure: the
// guess is that the next answer has as many records as the last ones had. A guess that was too far leaves a gap, and its answer is
// thrown away; after one of those, or when the node has no memory for it, no guesses are made for a while.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "client/consumer.h"
#include "schema/response.h"

namespace sedge {

// An answer to a fetch, its batches verified.
struct FetchAnswer {
    Status status;                     // of the request, or of the batches: then `batches` are those before the bad one
    std::optional<Offset> next_offset; // damaged: where reading goes on; offset_out_of_range: the start
    Offset start;
    Offset end;
    std::vector<FetchedBatch> batches;
};

class PartitionReader {
  public:
    explicit PartitionReader(Offset start) : next_offset_(start) {}

    struct Fetch {
        std::uint64_t id = 0;
        Offset offset;
    };
    // The fetch that should be sent now, if any; nullopt while enough are under way, during a pause, and when stopped.
    std::optional<Fetch> next_fetch(std::uint64_t now_ms);
    // When next_fetch() may have something, if it is only waiting for time.
    std::uint64_t resumes_ms() const;

    // What an answer brings to hand over, in order.
    struct Output {
        std::vector<FetchedBatch> batches;
        std::vector<ConsumerProblem> problems;  // without topic and partition
    };
    void on_answer(std::uint64_t now_ms, std::uint64_t id, FetchAnswer answer, Output& out);

    Offset next_offset() const { return next_offset_; }
    bool stopped() const { return stopped_; }
    bool idle_at_end() const { return next_offset_ >= known_end_; }

  private:
    struct Open {
        Fetch fetch;
        bool guessed = false;
        std::optional<FetchAnswer> answer;
    };
    bool settle(std::uint64_t now_ms, Open& open, Output& out);
    bool take_batches(Open& open, Output& out);
    void on_failure(std::uint64_t now_ms, const Open& open, Output& out);
    void skip_to(Offset offset, Status why, Output& out);
    void stop(const Status& why, Output& out);
    void pause(std::uint64_t now_ms);

    Offset next_offset_;
    Offset known_end_;
    std::deque<Open> open_;             // in the order of their offsets
    std::uint64_t last_id_ = 0;
    std::uint64_t last_count_ = 0;      // records of the last answer
    std::uint32_t same_count_ = 0;      // answers in a row that had as many
    std::uint32_t no_guess_for_ = 0;    // answers
    std::uint64_t paused_until_ms_ = 0;
    std::uint32_t pause_ms_ = 0;
    std::uint32_t bad_batches_ = 0;     // in a row at next_offset_
    bool stopped_ = false;
};

}  // namespace sedge
