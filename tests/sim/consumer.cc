#include "tests/sim/consumer.h"

#include <algorithm>

#include "schema/record_batch.h"

namespace sedge::sim {
namespace {

constexpr std::uint64_t kPatienceUs = 1'000'000;

// Where reading goes on behind what an answer brought.
Offset next_after(const FetchResponse& response, const std::vector<SharedBytes>& body, Offset offset) {
    if (!response.records.empty()) return response.records.back().offset + 1;
    for (const SharedBytes& frame : body) {
        for (ByteView rest = frame.view(); !rest.empty();) {
            const auto header = read_batch_header(rest);
            if (!header.ok()) return offset;
            offset = header->end_offset();
            rest = rest.subspan(header->size_bytes);
        }
    }
    return offset;
}

}  // namespace

void Consumer::begin() {
    const bool greedy = random_.one_in(4);
    cursors_.resize(greedy ? random_.between(8, 80) : random_.between(1, 4));
    for (Cursor& cursor : cursors_) aim(cursor);
    step();
}

void Consumer::aim(Cursor& cursor) {
    cursor.topic = any_topic();
    cursor.partition = any_partition();
    cursor.offset = Offset{random_.one_in(2) ? 0 : random_.below(500)};
}

void Consumer::step() {
    const std::uint64_t now_us = world_.clock.now_us();
    for (std::size_t i = 0; i < cursors_.size(); ++i) {
        Cursor& cursor = cursors_[i];
        if (cursor.id != 0 && now_us > cursor.give_up_us) {
            asked_.erase(cursor.id);
            cursor.id = 0;
        }
        if (cursor.id == 0 && !world_.calm) fetch(i);
    }
    if (!world_.calm && random_.one_in(200)) network_.stall(connection_, now_us + random_.magnitude(1'000, 1'000'000));
    after(pause_us(), [this] { step(); });
}

void Consumer::fetch(std::size_t index) {
    Cursor& cursor = cursors_[index];
    FetchRequest request;
    request.topic = cursor.topic;
    request.partition = cursor.partition;
    request.offset = cursor.offset;
    request.max_bytes = static_cast<std::uint32_t>(random_.magnitude(1, 64u << 10));
    request.max_wait_ms = random_.one_in(4) ? 0 : static_cast<std::uint32_t>(random_.magnitude(1, 2'000));
    request.plain = random_.one_in(3);
    cursor.id = send(request);
    cursor.give_up_us = world_.clock.now_us() + kPatienceUs + request.max_wait_ms * 1'000ull;
    asked_[cursor.id] = index;
}

void Consumer::on_answer(ByteView header, const std::vector<SharedBytes>& body) {
    const auto response = decode_response(header, api_index<FetchRequest>());
    if (!response.ok()) return;
    const auto asked = asked_.find(response->correlation_id);
    if (asked == asked_.end()) return;
    Cursor& cursor = cursors_[asked->second];
    asked_.erase(asked);
    cursor.id = 0;
    if (const auto* fetched = std::get_if<FetchResponse>(&response->body)) {
        cursor.offset = next_after(*fetched, body, cursor.offset);
        if (random_.one_in(200)) aim(cursor);
        return;
    }
    const auto* error = std::get_if<ErrorResponse>(&response->body);
    if (error == nullptr) return;
    if (error->next_offset)
        cursor.offset = *error->next_offset;
    else if (!is_retriable(error->status.code))
        aim(cursor);
}

void OffsetLister::begin() { step(); }

void OffsetLister::step() {
    if (!world_.calm) {
        const std::string topic = any_topic();
        ListOffsetsRequest request;
        request.topic = topic;
        request.partition = any_partition();
        constexpr ListOffsetsRequest::At kAts[] = {ListOffsetsRequest::At::start, ListOffsetsRequest::At::end, ListOffsetsRequest::At::time};
        request.at = kAts[random_.below(3)];
        const std::uint64_t wall_ms = world_.clock.wall_ms();
        request.timestamp_ms = wall_ms - std::min(wall_ms, random_.magnitude(1, 10'000));
        send(request);
    }
    after(pause_us() * 2, [this] { step(); });
}

void Verifier::read_everything() {
    left_.clear();
    for (const auto& [id, topic] : world_.history.topics()) {
        if (topic.deleted_issued_us != 0) continue;
        for (std::uint32_t i = 0; i < topic.logs.size(); ++i)
            left_.push_back({id, {i}, Offset{topic.logs[i].starts.back()}, Offset{topic.logs[i].synced_end}});
    }
    fetch();
}

std::string Verifier::describe() const {
    if (left_.empty()) return connection_;
    const Task& task = left_.back();
    return connection_ + " at offset " + std::to_string(task.at.value) + " of " + std::to_string(task.end.value) + " of " +
           to_string(task.topic).substr(0, 8) + "/" + std::to_string(task.partition.value);
}

void Verifier::fetch() {
    // Retention goes on meanwhile, and topics may be deleted by a request that was under way.
    while (!left_.empty()) {
        Task& task = left_.back();
        const auto& topics = world_.history.topics();
        const auto topic = topics.find(task.topic);
        if (topic == topics.end() || topic->second.deleted_issued_us != 0) {
            left_.pop_back();
            continue;
        }
        task.at = std::max(task.at, Offset{topic->second.logs[task.partition.value].starts.back()});
        if (task.at < task.end) {
            FetchRequest request;
            request.topic = topic->second.facts().name;
            request.partition = task.partition;
            request.offset = task.at;
            request.max_bytes = 128u << 10;
            request.plain = random_.one_in(8);
            id_ = send(request);
            return fetch_again_after(kPatienceUs);
        }
        left_.pop_back();
    }
}

void Verifier::fetch_again_after(std::uint64_t delay_us) {
    after(delay_us, [this, attempt = ++attempt_] {
        if (attempt == attempt_) fetch();
    });
}

void Verifier::on_answer(ByteView header, const std::vector<SharedBytes>& body) {
    const auto response = decode_response(header, api_index<FetchRequest>());
    if (!response.ok() || response->correlation_id != id_ || left_.empty()) return;
    Task& task = left_.back();
    if (const auto* fetched = std::get_if<FetchResponse>(&response->body)) {
        const Offset next = next_after(*fetched, body, task.at);
        records_read_ += next - std::min(next, task.at);
        if (next == task.at) return fetch_again_after(10'000);
        task.at = next;
        return fetch();
    }
    const auto* error = std::get_if<ErrorResponse>(&response->body);
    if (error != nullptr && error->next_offset) {
        task.at = *error->next_offset;
        return fetch();
    }
    fetch_again_after(10'000);
}

}  // namespace sedge::sim
