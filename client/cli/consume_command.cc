// `sedge consume`: records as lines.
#include <algorithm>
#include <cstdio>
#include <map>

#include "client/admin.h"
#include "client/cli/commands.h"
#include "client/cli/json_output.h"
#include "client/cli/output.h"
#include "client/cli/stop_signal.h"
#include "client/cli/text.h"
#include "client/consumer.h"

namespace sedge::cli {
namespace {

constexpr std::uint32_t kPollMs = 100;  // between looks at the signals
// Trouble that lasts this long is told to somebody who waits.
constexpr std::uint64_t kTellTroubleMs = 3'000;

class ConsumeRun {
  public:
    ConsumeRun(const Context& context, const ConsumeArguments& arguments, RecordFormat format, StartAt start)
        : context_(context), arguments_(arguments), format_(std::move(format)), start_(start), consumer_(context.connect_options()) {}

    int run() {
        if (const int code = prepare(); code != kDone) return code;
        while (stop_signals() == 0 && !finished()) {
            const auto records = consumer_.poll(kPollMs);
            write(records);
            for (const auto& problem : records.problems()) tell(problem);
            if (!(consumer_.has_more() ? output_.flush_if_large() : output_.flush())) break;
            if (records.empty() && !look_at_trouble()) return exit_code_of(consumer_.trouble().status);
        }
        output_.flush();
        return code_;
    }

  private:
    int prepare() {
        Admin admin(context_.connect_options(), context_.timeout_ms);
        const auto what = "consume " + arguments_.topic;
        const auto topic = admin.describe_topic(arguments_.topic);
        if (!topic.ok()) return report_failure(context_, what, topic.status(), admin.last_node());
        auto chosen = arguments_.partitions;
        if (chosen.empty())
            for (const auto& partition : topic->partitions) chosen.push_back(partition.partition.value);
        std::vector<Assignment> assignments;
        for (const auto index : chosen) {
            if (index >= topic->partitions.size())
                return report_failure(context_, what,
                                      {ErrorCode::unknown_partition, "there is no partition " + std::to_string(index) + "; it has " +
                                                                         std::to_string(topic->partitions.size())},
                                      admin.last_node());
            // Told here, since -e would call it the end and stop without a word.
            const auto end = visible_end(topic->partitions[index]);
            if (start_.kind == StartAt::Kind::offset && start_.value > end.value)
                return report_failure(context_, what,
                                      {ErrorCode::offset_out_of_range, "partition " + std::to_string(index) + " ends at offset " +
                                                                           std::to_string(end.value) + "; there is no " + std::to_string(start_.value)},
                                      admin.last_node());
            assignments.push_back({arguments_.topic, PartitionIndex{index}, start_});
            // Where -e stops: the end as it is now, however fast the topic grows.
            if (arguments_.stop_at_end) ends_[index] = end;
        }
        open_partitions_ = chosen.size();
        const auto status = consumer_.assign(assignments, context_.timeout_ms);
        if (!status.ok()) return report_failure(context_, what, status, admin.last_node());
        return kDone;
    }

    static Offset visible_end(const PartitionInfo& partition) { return std::min(partition.end, partition.high_watermark); }

    bool finished() {
        if (arguments_.count && written_ >= *arguments_.count) return true;
        if (open_partitions_ == 0) return true;
        if (!arguments_.stop_at_end) return false;
        std::erase_if(ends_, [this](const auto& entry) {
            const auto position = consumer_.position(arguments_.topic, PartitionIndex{entry.first});
            return !position || *position >= entry.second;
        });
        return ends_.empty();
    }

    void write(const Records& records) {
        for (const auto& record : records) {
            if (arguments_.count && written_ >= *arguments_.count) return;
            ++written_;
            if (context_.json)
                append_json(record, output_.text());
            else
                format_.append(record, output_.text());
            if (!output_.flush_if_large()) return;
        }
    }

    void tell(const ConsumerProblem& problem) {
        const auto partition = problem.topic + " partition " + std::to_string(problem.partition.value);
        if (problem.stopped) {
            report_failure(context_, "consume " + partition + " from offset " + std::to_string(problem.from.value), problem.status);
            ends_.erase(problem.partition.value);
            --open_partitions_;
        } else {
            std::fprintf(stderr, "sedge: %s: records %llu to %llu are not there: %s\n", partition.c_str(),
                         static_cast<unsigned long long>(problem.from.value), static_cast<unsigned long long>(problem.to.value - 1),
                         problem.status.message.c_str());
        }
        code_ = kLeftUndone;
    }

    // False when somebody waits for an end that may never come.
    bool look_at_trouble() {
        const auto trouble = consumer_.trouble();
        if (trouble.status.ok()) {
            told_ = false;
            return true;
        }
        const bool has_end = arguments_.stop_at_end || arguments_.count;
        if (has_end && trouble.for_ms >= context_.timeout_ms) {
            output_.flush();
            report_failure(context_, "consume " + arguments_.topic, trouble.status);
            return false;
        }
        if (!told_ && trouble.for_ms >= kTellTroubleMs)
            std::fprintf(stderr, "sedge: waiting: %s\n", trouble.status.message.c_str());
        told_ = told_ || trouble.for_ms >= kTellTroubleMs;
        return true;
    }

    const Context& context_;
    const ConsumeArguments& arguments_;
    const RecordFormat format_;
    const StartAt start_;
    std::map<std::uint32_t, Offset> ends_;  // of partitions that have not got there
    std::size_t open_partitions_ = 0;
    std::uint64_t written_ = 0;
    int code_ = kDone;
    bool told_ = false;
    Output output_;
    Consumer consumer_;
};

}  // namespace

int consume(const Context& context, const ConsumeArguments& arguments) {
    if (!arguments.group.empty()) {
        std::fputs("sedge: consumer groups (-g) come with a later version; choose partitions with -p and a place with -o\n", stderr);
        return kUsage;
    }
    auto format = RecordFormat::parse(arguments.format);
    const auto start = parse_start(arguments.from);
    if (!format.ok() || !start.ok()) {
        std::fprintf(stderr, "sedge: %s\n", (format.ok() ? start.status() : format.status()).message.c_str());
        return kUsage;
    }
    catch_stop_signals();
    return ConsumeRun(context, arguments, std::move(*format), *start).run();
}

}  // namespace sedge::cli
