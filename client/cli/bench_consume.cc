// `sedge bench consume`: batches are fetched, checked, and every record is visited.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "client/cli/bench_arguments.h"
#include "client/cli/bench_library.h"
#include "client/cli/bench_limits.h"
#include "client/cli/bench_publish.h"
#include "client/cli/bench_report.h"
#include "schema/limits.h"
#include "schema/record_batch.h"

namespace sedge::cli {
namespace {

constexpr std::uint32_t kStoredBatchBytes = 64u << 10;
constexpr std::uint32_t kFillInFlight = 64;
constexpr std::uint32_t kPollMs = 1'000;
constexpr std::uint32_t kFetchesUnderWay = 2;
constexpr std::uint32_t kFetchBytes = 2u << 20;

ByteView view_of(const zmq::message_t& frame) { return {frame.data<std::byte>(), frame.size()}; }

struct Span {
    Offset first, end;
};

// The offsets of an answer's frames: of the first batch, and behind the last one.
Result<Span> span_of(const std::vector<zmq::message_t>& frames) {
    std::optional<Span> span;
    for (const auto& frame : frames) {
        for (auto rest = view_of(frame); !rest.empty();) {
            const auto header = read_batch_header(rest);
            if (!header.ok()) return header.status();
            if (!span) span = Span{header->base_offset, {}};
            span->end = header->end_offset();
            rest = rest.subspan(header->size_bytes);
        }
    }
    if (!span) return Status{ErrorCode::timed_out, "nothing more to read"};
    return *span;
}

Result<Offset> list_offset(BenchMesh& mesh, const std::string& topic, std::uint32_t partition, ListOffsetsRequest::At at) {
    ListOffsetsRequest request;
    request.topic = topic;
    request.partition = PartitionIndex{partition};
    request.at = at;
    const auto answer = mesh.call(request);
    if (!answer.ok()) return answer.status();
    return std::get<ListOffsetsResponse>(*answer).offset;
}

// Reads partitions from their start to their end. Two fetches of each are under way: the second one guesses that the first will bring
// as many records as the last did, as libsedge does. A wrong guess costs its answer.
class ConsumeRun {
  public:
    ConsumeRun(BenchMesh& mesh, const std::string& topic) : mesh_(mesh), socket_(mesh.socket()), topic_(topic) {}

    Result<Figures> read(std::uint32_t partitions) {
        for (std::uint32_t partition = 0; partition < partitions; ++partition) {
            const auto start = list_offset(mesh_, topic_, partition, ListOffsetsRequest::At::start);
            const auto end = list_offset(mesh_, topic_, partition, ListOffsetsRequest::At::end);
            if (!start.ok() || !end.ok()) return start.ok() ? end.status() : start.status();
            places_.push_back(Place{*start, *end, *start});
        }
        const auto start = clock_ns();
        for (std::uint32_t partition = 0; partition < partitions; ++partition) top_up(partition);
        while (open_ > 0) {
            const auto status = take_answer();
            if (!status.ok()) return status;
        }
        figures_.seconds = static_cast<double>(last_ - start) / kNsPerSecond;
        return figures_;
    }

  private:
    struct Place {
        Offset next, end;
        Offset asked;               // by the newest fetch
        std::uint64_t brought = 0;  // records of the last answer
        std::uint32_t open = 0;     // fetches without an answer yet
    };

    void top_up(std::uint32_t partition) {
        Place& place = places_[partition];
        while (place.open < kFetchesUnderWay) {
            const bool guess = place.open > 0 && place.asked == place.next;
            if (guess && place.brought == 0) return;
            const Offset offset = guess ? place.asked + place.brought : place.next;
            if (offset >= place.end) return;
            fetch(partition, offset);
        }
    }

    void fetch(std::uint32_t partition, Offset offset) {
        places_[partition].asked = offset;
        ++places_[partition].open;
        ++open_;
        FetchRequest request;
        request.topic = topic_;
        request.partition = PartitionIndex{partition};
        request.offset = offset;
        request.max_bytes = kFetchBytes;
        request.max_wait_ms = kPollMs;
        header_.clear();
        encode_request(RequestTemplate::kFirstId + partition, request, header_);
        socket_.send(zmq::buffer(header_), zmq::send_flags::none);
    }

    Status take_answer() {
        static const auto kIndex = RequestBody(FetchRequest{}).index();
        zmq::message_t frame;
        if (!socket_.recv(frame)) return {ErrorCode::timed_out, "no answer to a fetch"};
        frames_.clear();
        for (bool more = frame.more(); more; more = frames_.back().more()) (void)socket_.recv(frames_.emplace_back());
        const auto response = decode_response(view_of(frame), kIndex);
        if (!response.ok()) return response.status();
        if (const auto* error = std::get_if<ErrorResponse>(&response->body)) return error->status;
        const auto partition = static_cast<std::uint32_t>(response->correlation_id - RequestTemplate::kFirstId);
        const auto span = span_of(frames_);
        if (!span.ok()) return span.status();
        Place& place = places_[partition];
        --place.open;
        --open_;
        const Offset from = place.next;
        const bool follows = span->first <= from && span->end > from;
        if (follows) {
            place.brought = span->end - from;
            place.next = span->end;
        }
        top_up(partition);
        return follows ? visit(from) : Status{};
    }

    // Checks and visits the batches from the one at `from` on.
    Status visit(Offset from) {
        for (const auto& frame : frames_) {
            for (auto rest = view_of(frame); !rest.empty();) {
                const auto header = check_appended_batch(rest);
                if (!header.ok()) return header.status();
                const auto batch = rest.first(header->size_bytes);
                rest = rest.subspan(header->size_bytes);
                if (header->base_offset < from) continue;
                figures_.bytes += batch.size();
                const auto status = for_each_record(batch, [&](Offset, const RecordView& record) {
                    value_bytes_ += record.value ? record.value->size() : 0;
                    ++figures_.records;
                    return true;
                });
                if (!status.ok()) return status;
            }
        }
        last_ = clock_ns();
        return {};
    }

    BenchMesh& mesh_;
    zmq::socket_t& socket_;
    const std::string& topic_;
    std::vector<Place> places_;  // of each partition
    std::size_t open_ = 0;       // fetches without an answer yet
    std::vector<zmq::message_t> frames_;
    Buffer header_;
    Figures figures_;
    std::uint64_t value_bytes_ = 0;  // so that the visit has to look
    std::uint64_t last_ = 0;         // when the last answer had been visited
};

}  // namespace

int bench_consume(const Context& context, const BenchArguments& arguments) try {
    auto otherwise = default_batches();
    otherwise.requests *= otherwise.batch_bytes / kStoredBatchBytes;
    otherwise.batch_bytes = kStoredBatchBytes;
    otherwise.in_flight = kFillInFlight;
    const auto plan = plan_publish(arguments, otherwise);
    std::optional<PublishLoad> load;  // outlives the socket that borrows from it
    BenchMesh mesh(context);
    const auto topic = BenchTopic::create(mesh, arguments.topic, plan.partitions, arguments.durability);
    if (!topic.ok()) return report_failure(context, "bench consume", topic.status(), context.nodes.front());
    load.emplace(topic->name(), plan);
    const auto filled = publish(mesh, *load, plan);
    if (!filled.ok()) return report_failure(context, "bench consume", filled.status(), context.nodes.front());

    BenchReport report{"consume", fmt::format("consume, {} B records in batches of {} KB, checked and visited{}", plan.record_bytes, plan.batch_bytes >> 10,
                                              arguments.library ? ", through libsedge" : ""),
                       "ROUTER to DEALER stream in 64 KB frames", Measure::mb_per_s, {}, {}};
    std::function<Result<Figures>()> limit;
    if (!arguments.no_limit) limit = [&] { return measure_stream(filled->bytes, kStreamFrameBytes); };
    const auto status = take_turns(
        arguments.rounds, limit,
        [&] {
            return arguments.library ? consume_by_library(context, topic->name(), filled->records)
                                     : ConsumeRun(mesh, topic->name()).read(plan.partitions);
        },
        report);
    if (!status.ok()) return report_failure(context, "bench consume", status, context.nodes.front());
    print_report(context, report);
    return kDone;
} catch (const zmq::error_t& error) {
    return report_failure(context, "bench consume", {ErrorCode::unreachable, error.what()});
}

}  // namespace sedge::cli
