// Holds every answer that leaves the node against the history, at the moment that it leaves: what a power cut right now would
// take must not have been acknowledged or shown.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "schema/request.h"
#include "schema/response.h"
#include "tests/sim/history.h"

namespace sedge::sim {

struct AnswerCounts {
    std::uint64_t requests = 0, answers = 0, records_acknowledged = 0, duplicates = 0, records_read = 0, errors = 0;
    std::map<std::string, std::uint64_t> errors_by_name;
};

class AnswerChecker {
  public:
    explicit AnswerChecker(History& history) : history_(history) {}

    // A message reaches the broker. `garbage`: its sender keeps no rules, so its answers are only parsed.
    void on_request(const std::string& connection, ByteView first, ByteView second, bool garbage);
    void on_answer(const std::string& connection, ByteView header, const std::vector<SharedBytes>& body);
    void on_process_end() { outstanding_.clear(); }

    // Requests without an answer, those apart that expect none.
    std::size_t outstanding() const;
    // Which it is, for the report.
    std::string describe_outstanding() const;
    // Called between turns. A fetch must not sleep when its records are stored, and no connection may have
    // more fetches that wait for records than `most_waiting`. `reads_pending`: the disk owes something, which may explain a wait.
    void check_waiting(std::size_t most_waiting, bool reads_pending);
    const AnswerCounts& counts() const { return counts_; }

  private:
    // What is kept of a request; nothing points into the message.
    struct Asked {
        std::size_t api = 0;
        std::uint64_t arrived_us = 0;
        std::string topic;
        std::optional<PartitionIndex> partition;
        // produce
        Acks acks = Acks::all;
        std::vector<RecordFacts> records;
        bool has_timestamps = true;
        bool refused_format = false;  // not a batch: an error is due
        // fetch, list_offsets
        Offset offset;
        std::uint32_t max_wait_ms = 0;
        ListOffsetsRequest::At at = ListOffsetsRequest::At::end;
        std::uint64_t timestamp_ms = 0;
        std::uint64_t watermark_at_arrival = 0;
        std::uint32_t ready_checks = 0;  // how often it was found waiting although it could be answered
    };
    using Key = std::pair<std::string, std::uint64_t>;

    Asked read_request(const Request& request, ByteView body);
    void read_produce(const ProduceRequest& produce, ByteView body, Asked& asked);
    Asked take(const Key& key);
    // Those topics of the name that the request may have meant.
    std::vector<Topic*> candidates(const Asked& asked);
    // True if for one of the candidates' logs `holds` says true.
    bool any_log(const Asked& asked, PartitionIndex partition, const std::function<bool(const Topic&, Log&)>& holds);

    void check(const Asked& asked, const ProduceResponse& response);
    void check_merged(const std::string& connection, std::uint64_t first_id, const ProduceResponse& response);
    void check(const Asked& asked, const FetchResponse& response, const std::vector<SharedBytes>& body);
    bool fetched_is_right(const Asked& asked, const Topic& topic, Log& log, const FetchResponse& response,
                          const std::vector<SharedBytes>& body);
    void check(const Asked& asked, const ListOffsetsResponse& response);
    void check(const Asked& asked, const TopicResponse& response);
    void check(const Asked& asked, const MetadataResponse& response);
    void check(const Asked& asked, const ErrorResponse& response);
    void check_deleted(const Asked& asked);

    History& history_;
    std::map<Key, std::deque<Asked>> outstanding_;
    std::string why_;  // of the last candidate that did not fit
    AnswerCounts counts_;
};

}  // namespace sedge::sim
