#include "client/partition_reader.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace sedge {
namespace {

constexpr std::uint32_t kFirstPauseMs = 20;
constexpr std::uint32_t kLongestPauseMs = 1'000;
// A batch that arrives damaged was perhaps damaged on its way: so often it is fetched again before the reader stops.
constexpr std::uint32_t kBadBatchTries = 4;
constexpr std::uint32_t kNoGuessAfterMiss = 64;
constexpr std::uint32_t kSameCountsToGuess = 1;

}  // namespace

std::optional<PartitionReader::Fetch> PartitionReader::next_fetch(std::uint64_t now_ms) {
    if (stopped_ || now_ms < paused_until_ms_ || open_.size() >= 2) return std::nullopt;
    auto offset = next_offset_;
    const bool guessed = !open_.empty();
    if (guessed) {
        if (same_count_ < kSameCountsToGuess || no_guess_for_ > 0 || open_.front().answer) return std::nullopt;
        offset = open_.front().fetch.offset + last_count_;
        if (offset >= known_end_) return std::nullopt;  // a second fetch would only wait there
    }
    const Fetch fetch{++last_id_, offset};
    open_.push_back({fetch, guessed, std::nullopt});
    return fetch;
}

std::uint64_t PartitionReader::resumes_ms() const {
    return stopped_ || !open_.empty() ? std::numeric_limits<std::uint64_t>::max() : paused_until_ms_;
}

void PartitionReader::on_answer(std::uint64_t now_ms, std::uint64_t id, FetchAnswer answer, Output& out) {
    const auto found = std::find_if(open_.begin(), open_.end(), [id](const Open& open) { return open.fetch.id == id; });
    if (found == open_.end() || stopped_) return;  // given up meanwhile
    found->answer = std::move(answer);
    while (!open_.empty() && open_.front().answer) {
        auto open = std::move(open_.front());
        open_.pop_front();
        // What was guessed behind a fetch that did not go well is not worth waiting for.
        if (!settle(now_ms, open, out)) open_.clear();
    }
}

bool PartitionReader::settle(std::uint64_t now_ms, Open& open, Output& out) {
    // Too far; or more answers than the node has memory for: then the fetch is sent again when no other is open.
    if (open.fetch.offset > next_offset_ || (open.guessed && open.answer->status.code == ErrorCode::busy)) {
        no_guess_for_ = kNoGuessAfterMiss;
        return false;
    }
    const bool joined = take_batches(open, out);
    if (!open.answer->status.ok()) {
        on_failure(now_ms, open, out);
        return false;
    }
    pause_ms_ = 0;
    return joined;
}

// Takes what joins on to next_offset_. False if a guess that was sent meanwhile can't be right.
bool PartitionReader::take_batches(Open& open, Output& out) {
    auto& answer = *open.answer;
    const auto before = next_offset_;
    if (answer.status.ok()) known_end_ = answer.end;
    for (auto& batch : answer.batches) {
        if (batch.header.end_offset() <= next_offset_) continue;
        if (batch.header.base_offset > next_offset_)
            skip_to(batch.header.base_offset, {ErrorCode::damaged, "the node has no records here"}, out);
        batch.from = next_offset_;
        next_offset_ = batch.header.end_offset();
        out.batches.push_back(std::move(batch));
    }
    if (next_offset_ == before) return answer.batches.empty();
    bad_batches_ = 0;
    const auto count = next_offset_ - open.fetch.offset;
    same_count_ = count == last_count_ ? same_count_ + 1 : 0;
    last_count_ = count;
    if (no_guess_for_ > 0) --no_guess_for_;
    return true;
}

void PartitionReader::on_failure(std::uint64_t now_ms, const Open& open, Output& out) {
    const auto& answer = *open.answer;
    const auto& status = answer.status;
    same_count_ = 0;
    switch (status.code) {
        case ErrorCode::damaged:
            if (answer.next_offset && *answer.next_offset > next_offset_)
                skip_to(*answer.next_offset, status, out);
            else
                stop(status, out);
            return;
        case ErrorCode::offset_out_of_range:
            // Before the start: retention took the records. Beyond the end: they were lost, or never there; going on elsewhere is not
            // for us to decide.
            if (answer.next_offset && *answer.next_offset > next_offset_)
                skip_to(*answer.next_offset, {status.code, "removed by retention before they were read"}, out);
            else
                stop(status, out);
            return;
        case ErrorCode::corrupt_batch:
            if (++bad_batches_ >= kBadBatchTries)
                stop(status, out);
            else
                pause(now_ms);
            return;
        case ErrorCode::unreachable:
        case ErrorCode::timed_out: pause(now_ms); return;
        default:
            if (is_retriable(status.code))
                pause(now_ms);
            else
                stop(status, out);
    }
}

void PartitionReader::skip_to(Offset offset, Status why, Output& out) {
    ConsumerProblem problem;
    problem.status = std::move(why);
    problem.from = next_offset_;
    problem.to = offset;
    out.problems.push_back(std::move(problem));
    next_offset_ = offset;
}

void PartitionReader::stop(const Status& why, Output& out) {
    stopped_ = true;
    ConsumerProblem problem;
    problem.status = why;
    problem.from = problem.to = next_offset_;
    problem.stopped = true;
    out.problems.push_back(std::move(problem));
}

void PartitionReader::pause(std::uint64_t now_ms) {
    pause_ms_ = std::clamp(pause_ms_ * 2, kFirstPauseMs, kLongestPauseMs);
    paused_until_ms_ = now_ms + pause_ms_;
}

}  // namespace sedge
