// The answers to those who read: fetch, list_offsets, and errors.
#include <algorithm>

#include "tests/sim/answers.h"
#include "tests/sim/violation.h"

namespace sedge::sim {
namespace {

std::uint64_t safe_end(const Topic& topic, const Log& log) { return topic.ever_unsynced ? log.cached_end : log.synced_end; }

RecordFacts facts_of(const PlainRecord& record) {
    const auto view = [](const std::optional<Buffer>& bytes) {
        return bytes ? std::optional<ByteView>(ByteView(*bytes)) : std::nullopt;
    };
    std::uint64_t hash = content_hash(view(record.key), view(record.value));
    for (const auto& [name, value] : record.headers) hash = with_header(hash, name, value);
    return {hash, record.timestamp_ms};
}

}  // namespace

void AnswerChecker::check(const Asked& asked, const FetchResponse& response, const std::vector<SharedBytes>& body) {
    bool right = false;
    why_ = "no such topic or partition";
    for (Topic* topic : candidates(asked)) {
        if (asked.partition->value >= topic->logs.size()) continue;
        right = fetched_is_right(asked, *topic, topic->logs[asked.partition->value], response, body);
        if (right) break;
    }
    if (!right)
        violated("fetch of " + asked.topic + "/" + std::to_string(asked.partition->value) + " at offset " +
                 std::to_string(asked.offset.value) + ": " + why_);
}

bool AnswerChecker::fetched_is_right(const Asked& asked, const Topic& topic, Log& log, const FetchResponse& response,
                                     const std::vector<SharedBytes>& body) {
    const auto wrong = [this](const char* why) {
        why_ = why;
        return false;
    };
    const std::uint64_t safe = safe_end(topic, log);
    if (response.high_watermark.value > safe) return wrong("the high watermark lies beyond what is stored");
    if (response.high_watermark.value < log.seen_watermark) return wrong("the high watermark went back");
    if (response.start.value > log.starts.back()) return wrong("the start lies beyond the log's");
    if (response.end.value > log.end()) return wrong("the end lies beyond the log's");
    std::uint64_t next = asked.offset.value;
    std::uint64_t read = 0;
    for (const PlainRecord& record : response.records) {
        if (record.offset.value != next) return wrong("a plain answer skips or repeats an offset");
        if (next >= safe) return wrong("a record is shown that a power cut would take back");
        if (facts_of(record) != log.records[next]) return wrong("a record has changed");
        ++next, ++read;
    }
    bool first = true;
    for (const SharedBytes& frame : body) {
        for (ByteView rest = frame.view(); !rest.empty();) {
            const auto header = check_appended_batch(rest);
            if (!header.ok()) return wrong("a batch with a wrong checksum is served");
            const std::uint64_t base = header->base_offset.value, end = header->end_offset().value;
            if (first ? base > next || end <= next : base != next) return wrong("a batch is skipped or repeated");
            if (end > safe) return wrong("records are shown that a power cut would take back");
            const auto facts = record_facts(rest);
            if (!std::equal(facts.begin(), facts.end(), log.records.begin() + static_cast<std::ptrdiff_t>(base)))
                return wrong("a batch has changed");
            rest = rest.subspan(header->size_bytes);
            next = end;
            read += facts.size();
            first = false;
        }
    }
    if (read == 0 && asked.offset.value < response.high_watermark.value) return wrong("empty although there are records");
    log.seen_watermark = response.high_watermark.value;
    log.promised_end = std::max({log.promised_end, response.high_watermark.value, read > 0 ? next : 0});
    counts_.records_read += read;
    return true;
}

void AnswerChecker::check(const Asked& asked, const ListOffsetsResponse& response) {
    const std::uint64_t offset = response.offset.value;
    const bool right = any_log(asked, *asked.partition, [&](const Topic& topic, const Log& log) {
        why_ = "it lies beyond what is stored";
        if (offset > safe_end(topic, log)) return false;
        if (asked.at == ListOffsetsRequest::At::start) {
            why_ = "it is no start of the log";
            return std::find(log.starts.begin(), log.starts.end(), offset) != log.starts.end();
        }
        why_ = "the end went back";
        if (asked.at == ListOffsetsRequest::At::end) return offset >= log.seen_watermark;
        // A time: nothing earlier in the log fits; what is damaged or was removed meanwhile does not count.
        why_ = "an earlier record is of that time or later";
        const std::uint64_t known_end = std::min({offset, asked.watermark_at_arrival, log.end()});
        for (std::uint64_t i = log.starts.back(); i < known_end; ++i)
            if (log.records[i].timestamp_ms >= asked.timestamp_ms && !log.damaged_at(i)) return false;
        why_ = "the record at the offset is of an earlier time";
        return offset >= std::min(asked.watermark_at_arrival, log.end()) || log.records[offset].timestamp_ms >= asked.timestamp_ms;
    });
    if (!right)
        violated("list_offsets of " + asked.topic + "/" + std::to_string(asked.partition->value) + " answers " + std::to_string(offset) +
                 ": " + why_);
}

void AnswerChecker::check(const Asked& asked, const ErrorResponse& response) {
    ++counts_.errors;
    ++counts_.errors_by_name[std::string(to_string(response.status.code))];
    const auto refuse = [&](const char* why) {
        violated("an answer of " + std::string(to_string(response.status.code)) + " (" + response.status.message + ") about " + asked.topic +
                 "/" + std::to_string(asked.partition ? asked.partition->value : 0) + " at " + std::to_string(asked.offset.value) + ": " + why);
    };
    switch (response.status.code) {
        case ErrorCode::unknown_topic:
            for (const Topic* topic : candidates(asked)) {
                const bool there = topic->created_synced_us != 0 && topic->created_synced_us < asked.arrived_us && topic->deleted_issued_us == 0;
                if (there) refuse("it was there all the time");
            }
            break;
        case ErrorCode::damaged:
            if (!any_log(asked, *asked.partition, [&](const Topic&, const Log& log) { return log.damaged_at(asked.offset.value); }))
                refuse("nothing is damaged there");
            break;
        case ErrorCode::offset_out_of_range:
            if (!any_log(asked, *asked.partition, [&](const Topic& topic, const Log& log) {
                    return asked.offset.value < log.starts.back() || asked.offset.value > log.seen_watermark || topic.ever_unsynced;
                }))
                refuse("it lies in the log");
            break;
        case ErrorCode::corrupt_batch:
            if (!asked.refused_format) refuse("the batch is whole");
            break;
        case ErrorCode::bad_request:
        case ErrorCode::unsupported_version:
        case ErrorCode::unknown_api:
        case ErrorCode::not_leader:
        case ErrorCode::not_enough_replicas:
        case ErrorCode::invalid_topic_name:
        case ErrorCode::unreachable: refuse("the request was right"); break;
        default: break;
    }
}

}  // namespace sedge::sim
