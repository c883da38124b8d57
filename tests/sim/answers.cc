#include "tests/sim/answers.h"

#include <algorithm>

#include "schema/msgpack.h"
#include "tests/sim/api_index.h"
#include "tests/sim/violation.h"

namespace sedge::sim {
namespace {

constexpr std::size_t kProduce = api_index<ProduceRequest>();
constexpr std::size_t kFetch = api_index<FetchRequest>();

std::uint64_t hash_headers(std::uint64_t hash, ByteView map) {
    MsgpackReader reader(map);
    const auto size = reader.map();
    for (std::uint32_t i = 0; size && i < *size; ++i) {
        const auto name = reader.str();
        const auto value = reader.blob();
        if (!name || !value) break;
        hash = with_header(hash, *name, *value);
    }
    return hash;
}

}  // namespace

void AnswerChecker::on_request(const std::string& connection, ByteView first, ByteView second, bool garbage) {
    ++counts_.requests;
    if (garbage) return;
    const auto decoded = decode_request(first);
    const auto* request = std::get_if<Request>(&decoded);
    require(request != nullptr, "an honest client's request does not parse");
    const ByteView body = request->header_bytes < first.size() ? first.subspan(request->header_bytes) : second;
    outstanding_[{connection, request->correlation_id}].push_back(read_request(*request, body));
}

AnswerChecker::Asked AnswerChecker::read_request(const Request& request, ByteView body) {
    Asked asked;
    asked.api = request.body.index();
    asked.arrived_us = history_.now_us();
    std::visit([&](const auto& api) {
        if constexpr (requires { api.topic; }) asked.topic = api.topic;
        if constexpr (requires { api.partition; }) asked.partition = api.partition;
        if constexpr (requires { api.offset; }) asked.offset = api.offset;
        if constexpr (requires { api.max_wait_ms; }) asked.max_wait_ms = api.max_wait_ms;
    }, request.body);
    if (const auto* produce = std::get_if<ProduceRequest>(&request.body)) read_produce(*produce, body, asked);
    if (const auto* list = std::get_if<ListOffsetsRequest>(&request.body)) {
        asked.at = list->at;
        asked.timestamp_ms = list->timestamp_ms;
        const auto meant = candidates(asked);
        if (meant.size() == 1 && list->partition.value < meant[0]->logs.size())
            asked.watermark_at_arrival = meant[0]->logs[list->partition.value].seen_watermark;
    }
    return asked;
}

void AnswerChecker::read_produce(const ProduceRequest& produce, ByteView body, Asked& asked) {
    asked.acks = produce.acks;
    if (body.empty()) {
        std::uint64_t hash = content_hash(produce.key, produce.value);
        if (produce.headers) hash = hash_headers(hash, *produce.headers);
        asked.has_timestamps = produce.timestamp_ms.has_value();
        asked.records.push_back({hash, produce.timestamp_ms.value_or(0)});
        return;
    }
    asked.refused_format = !check_batch(body).ok();
    if (!asked.refused_format) asked.records = record_facts(body);
}

AnswerChecker::Asked AnswerChecker::take(const Key& key) {
    const auto found = outstanding_.find(key);
    require(found != outstanding_.end(), "an answer to nothing that was asked, or a second one");
    Asked asked = std::move(found->second.front());
    found->second.pop_front();
    if (found->second.empty()) outstanding_.erase(found);
    return asked;
}

void AnswerChecker::on_answer(const std::string& connection, ByteView header, const std::vector<SharedBytes>& body) {
    ++counts_.answers;
    const auto id = response_correlation_id(header);
    require(id.has_value(), "an answer without a correlation id");
    const auto found = outstanding_.find({connection, *id});
    if (found == outstanding_.end() && connection.starts_with("hostile")) return;
    require(found != outstanding_.end(), "an answer to nothing that was asked, or a second one");
    const auto response = decode_response(header, found->second.front().api);
    if (!response.ok()) violated("an answer does not parse: " + response.status().message);
    if (const auto* produced = std::get_if<ProduceResponse>(&response->body)) {
        check_merged(connection, *id, *produced);
        return;
    }
    const Asked asked = take({connection, *id});
    if (const auto* fetched = std::get_if<FetchResponse>(&response->body)) return check(asked, *fetched, body);
    if (const auto* listed = std::get_if<ListOffsetsResponse>(&response->body)) return check(asked, *listed);
    if (const auto* topic = std::get_if<TopicResponse>(&response->body)) return check(asked, *topic);
    if (const auto* metadata = std::get_if<MetadataResponse>(&response->body)) return check(asked, *metadata);
    if (const auto* error = std::get_if<ErrorResponse>(&response->body)) return check(asked, *error);
    if (std::holds_alternative<DeleteTopicResponse>(response->body)) check_deleted(asked);
}

std::vector<Topic*> AnswerChecker::candidates(const Asked& asked) {
    std::vector<Topic*> found;
    for (auto& [id, topic] : history_.topics()) {
        if (topic.facts().name != asked.topic) continue;
        if (topic.deleted_synced_us != 0 && topic.deleted_synced_us < asked.arrived_us) continue;
        found.push_back(&topic);
    }
    return found;
}

bool AnswerChecker::any_log(const Asked& asked, PartitionIndex partition, const std::function<bool(const Topic&, Log&)>& holds) {
    why_ = "no such topic or partition";
    for (Topic* topic : candidates(asked))
        if (partition.value < topic->logs.size() && holds(*topic, topic->logs[partition.value])) return true;
    return false;
}

void AnswerChecker::check_merged(const std::string& connection, std::uint64_t first_id, const ProduceResponse& response) {
    ProduceResponse part = response;
    for (std::uint32_t i = 0; i < response.count; ++i) {
        const Asked asked = take({connection, first_id + i});
        require(asked.api == kProduce, "a merged answer covers something else than produce");
        check(asked, part);
        part.offset = part.offset + 1;
    }
}

void AnswerChecker::check(const Asked& asked, const ProduceResponse& response) {
    require(!asked.refused_format, "a malformed batch is acknowledged");
    require(!asked.partition || *asked.partition == response.partition, "records went to another partition than asked for");
    if (asked.acks == Acks::none) return;  // nothing is promised
    const std::uint64_t from = response.offset.value, to = from + asked.records.size();
    const bool right = any_log(asked, response.partition, [&](const Topic& topic, Log& log) {
        why_ = "not there";
        if (to > log.end()) return false;
        for (std::size_t i = 0; i < asked.records.size(); ++i) {
            const RecordFacts& stored = log.records[from + i];
            why_ = "something else is there";
            if (stored.content != asked.records[i].content) return false;
            if (asked.has_timestamps && stored.timestamp_ms != asked.records[i].timestamp_ms) return false;
        }
        why_ = "a power cut now would take them";
        if (to > (topic.ever_unsynced ? log.cached_end : log.synced_end)) return false;
        if (response.durable_copies > 0 && to > log.synced_end) return false;
        log.promised_end = std::max(log.promised_end, to);
        return true;
    });
    if (!right)
        violated("acknowledged records at offset " + std::to_string(from) + " of " + asked.topic + "/" +
                 std::to_string(response.partition.value) + ": " + why_);
    if (response.duplicate) ++counts_.duplicates;
    counts_.records_acknowledged += asked.records.size();
}

void AnswerChecker::check_deleted(const Asked& asked) {
    const auto& topics = history_.topics();
    const bool gone = std::any_of(topics.begin(), topics.end(), [&](const auto& entry) {
        return entry.second.facts().name == asked.topic && entry.second.deleted_synced_us != 0;
    });
    require(gone, "a deletion is acknowledged before it is durable");
}

void AnswerChecker::check(const Asked& asked, const TopicResponse& response) {
    const auto found = history_.topics().find(response.topic.id);
    require(found != history_.topics().end(), "an answer names a topic that does not exist");
    if (asked.api == api_index<CreateTopicRequest>())
        require(found->second.created_synced_us != 0, "a topic's creation is acknowledged before it is durable");
    for (const PartitionInfo& partition : response.topic.partitions) {
        require(partition.partition.value < found->second.logs.size(), "an answer names a partition that does not exist");
        const Log& log = found->second.logs[partition.partition.value];
        const std::uint64_t safe = found->second.ever_unsynced ? log.cached_end : log.synced_end;
        require(partition.high_watermark.value <= safe, "a high watermark is shown that a power cut would take back");
    }
}

void AnswerChecker::check(const Asked& asked, const MetadataResponse& response) {
    for (const TopicInfo& shown : response.topics) {
        const auto found = history_.topics().find(shown.id);
        require(found != history_.topics().end(), "metadata names a topic that does not exist");
        const Topic& topic = found->second;
        require(topic.deleted_synced_us == 0 || topic.deleted_synced_us >= asked.arrived_us, "metadata shows a deleted topic");
    }
}

std::size_t AnswerChecker::outstanding() const {
    std::size_t count = 0;
    for (const auto& [key, requests] : outstanding_)
        for (const Asked& asked : requests)
            if (asked.api != kProduce || asked.acks != Acks::none) ++count;
    return count;
}

std::string AnswerChecker::describe_outstanding() const {
    std::string text;
    for (const auto& [key, requests] : outstanding_)
        for (const Asked& asked : requests)
            if (asked.api != kProduce || asked.acks != Acks::none)
                text += " " + key.first + "#" + std::to_string(key.second) + " api=" + std::to_string(asked.api) + " topic=" + asked.topic +
                        " offset=" + std::to_string(asked.offset.value) + " waits_us=" + std::to_string(history_.now_us() - asked.arrived_us);
    return text;
}

void AnswerChecker::check_waiting(std::size_t most_waiting, bool reads_pending) {
    constexpr std::uint32_t kPatience = 10;
    std::map<std::string, std::size_t> waiting;
    for (auto& [key, requests] : outstanding_) {
        for (Asked& asked : requests) {
            if (asked.api != kFetch) continue;
            const auto meant = candidates(asked);
            if (meant.size() != 1 || asked.partition->value >= meant[0]->logs.size()) continue;
            const Log& log = meant[0]->logs[asked.partition->value];
            if (asked.offset.value >= log.end()) {
                require(++waiting[key.first] <= most_waiting, "more fetches wait than a connection may have");
            } else if (asked.offset.value < log.synced_end && !reads_pending) {
                require(++asked.ready_checks < kPatience, "a fetch sleeps although its records are there");
            }
        }
    }
}

}  // namespace sedge::sim
