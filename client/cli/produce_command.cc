// `sedge produce`: a record a line.
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <mutex>

#include "client/admin.h"
#include "client/cli/commands.h"
#include "client/cli/json_output.h"
#include "client/cli/line_reader.h"
#include "client/cli/output.h"
#include "client/cli/stop_signal.h"
#include "client/cli/text.h"
#include "client/producer.h"

namespace sedge::cli {
namespace {

constexpr std::uint32_t kLingerMs = 5;                  // nobody sees it; a slow pipe's line is pushed at once anyway
constexpr std::uint32_t kDeliveryTimeoutMs = 30'000;    // unless --timeout was given: a restart of a node is ridden over
constexpr std::size_t kNamedLines = 10;                 // of those that were not acknowledged
constexpr std::uint32_t kFlushSliceMs = 100;            // between looks at the signals while waiting for the last answers
constexpr std::uint64_t kProgressEvery = 1u << 16;      // records

// What became of the records. Filled on the producer's thread, read on ours.
struct Outcome {
    std::mutex mutex;
    std::uint64_t failed = 0;
    std::vector<std::uint64_t> first_lines;
    Status first_failure;
    std::string acknowledgements;  // text for -v, not yet printed
    int wake_fd = -1;              // tells the reading loop to print it

    void fail(std::uint64_t line, const Status& status) {
        const std::lock_guard lock(mutex);
        if (failed++ == 0) first_failure = status;
        if (first_lines.size() < kNamedLines) first_lines.push_back(line);
    }
};

// What to say with an option that makes no sense; empty if all do.
std::string check(const ProduceArguments& arguments) {
    if (arguments.key_delimiter && arguments.key_delimiter->empty()) return "-K needs a delimiter, for example -K :";
    if (arguments.verbose && arguments.acks == "0") return "-v prints acknowledgements, and --acks 0 asks for none";
    for (const auto& header : arguments.headers)
        if (!parse_pair(header)) return "'" + header + "' is not name=value";
    return {};
}

ProducerOptions options_for(const Context& context, const ProduceArguments& arguments) {
    ProducerOptions options;
    options.acks = arguments.acks == "0" ? Acks::none : arguments.acks == "1" ? Acks::leader : Acks::all;
    options.codec = arguments.compression == "zstd" ? Codec::zstd : arguments.compression == "lz4" ? Codec::lz4 : Codec::none;
    options.linger_ms = kLingerMs;
    options.delivery_timeout_ms = context.timeout_given ? context.timeout_ms : kDeliveryTimeoutMs;
    return options;
}

class ProduceRun {
  public:
    ProduceRun(const Context& context, const ProduceArguments& arguments)
        : context_(context),
          arguments_(arguments),
          lines_(STDIN_FILENO, limits::kMaxBatchBytes),
          producer_(context.connect_options(), options_for(context, arguments)) {
        for (const auto& header : arguments.headers) headers_.push_back(*parse_pair(header));
        for (const auto& [name, value] : headers_) record_.headers.push_back({name, as_bytes(value)});
        record_.topic = arguments_.topic;
        if (arguments_.key) record_.key = as_bytes(*arguments_.key);
        if (arguments_.partition) record_.partition = PartitionIndex{*arguments_.partition};
        outcome_.wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    }
    ~ProduceRun() {
        producer_.abandon();
        if (outcome_.wake_fd >= 0) close(outcome_.wake_fd);
    }
    ProduceRun(const ProduceRun&) = delete;
    ProduceRun& operator=(const ProduceRun&) = delete;

    int run() {
        bool more = true;
        while (more && stop_signals() == 0 && !hopeless_) {
            send_lines();
            if (ended_ || hopeless_) break;
            more = wait_for_input() ? lines_.fill() || ended_after_fill() : stop_signals() == 0;
        }
        if (lines_.error() != 0) std::fprintf(stderr, "sedge: reading standard input failed: %s\n", std::strerror(lines_.error()));
        settle();
        return conclude();
    }

  private:
    // The reader still holds a last line without newline.
    bool ended_after_fill() {
        send_lines();
        return false;
    }

    void send_lines() {
        std::string_view line;
        while (stop_signals() == 0 && !hopeless_) {
            switch (lines_.next(line)) {
                case LineReader::Next::line: send(line); break;
                case LineReader::Next::too_long:
                    outcome_.fail(++line_number_, {ErrorCode::record_too_large, "the line is longer than any record may be"});
                    break;
                case LineReader::Next::wait: return;
                case LineReader::Next::end: ended_ = true; return;
            }
        }
    }

    void send(std::string_view line) {
        record_.tag = ++line_number_;
        if (arguments_.key_delimiter) {
            const auto at = line.find(*arguments_.key_delimiter);
            if (at == std::string_view::npos) {
                outcome_.fail(line_number_, {ErrorCode::bad_request, "the line has no '" + *arguments_.key_delimiter + "' between key and value"});
                return;
            }
            record_.key = as_bytes(line.substr(0, at));
            line.remove_prefix(at + arguments_.key_delimiter->size());
        }
        record_.value = as_bytes(line);
        const auto status = producer_.send(record_, [this](const Delivery& delivery) { on_delivery(delivery); });
        if (!status.ok()) {
            outcome_.fail(line_number_, status);
            // One record may be too large; but if there is no topic or no node, the next record fares no better.
            hopeless_ = status.code != ErrorCode::record_too_large;
        }
        if (line_number_ % kProgressEvery == 0) draw_progress();
    }

    // On the producer's thread.
    void on_delivery(const Delivery& delivery) {
        if (!delivery.status.ok()) {
            outcome_.fail(delivery.tag, delivery.status);
            return;
        }
        if (!arguments_.verbose) return;
        const std::lock_guard lock(outcome_.mutex);
        auto& text = outcome_.acknowledgements;
        const bool first = text.empty();
        if (context_.json) {
            append_json(delivery, text);
        } else {
            text.append("line ").append(std::to_string(delivery.tag)).append(": topic ").append(delivery.topic);
            text.append(" partition ").append(std::to_string(delivery.partition.value));
            text.append(" offset ").append(std::to_string(delivery.offset.value)).append("\n");
        }
        const std::uint64_t one = 1;
        if (first) [[maybe_unused]] const auto written = write(outcome_.wake_fd, &one, sizeof one);
    }

    void print_acknowledgements() {
        std::string text;
        {
            const std::lock_guard lock(outcome_.mutex);
            text.swap(outcome_.acknowledgements);
        }
        if (!text.empty()) print(text);
    }

    // True: there is input, or its end. False: something else is up.
    bool wait_for_input() {
        std::array<pollfd, 3> items{{{STDIN_FILENO, POLLIN, 0}, {stop_signal_fd(), POLLIN, 0}, {outcome_.wake_fd, POLLIN, 0}}};
        if (poll(items.data(), 1, 0) > 0) return true;
        producer_.push();  // nothing follows at once: what is there leaves now
        for (;;) {
            print_acknowledgements();
            if (poll(items.data(), items.size(), -1) < 0 || stop_signals() != 0) return false;
            if (items[0].revents != 0) return true;
            std::uint64_t count = 0;
            if (items[2].revents != 0) [[maybe_unused]] const auto taken = read(outcome_.wake_fd, &count, sizeof count);
        }
    }

    // Waits for the last acknowledgements; a second SIGINT gives them up.
    void settle() {
        const int signals = stop_signals();
        while (!producer_.flush(kFlushSliceMs).ok() && stop_signals() <= std::max(signals, 1)) {
            print_acknowledgements();
            draw_progress();
        }
        producer_.abandon();
        print_acknowledgements();
        if (drew_progress_) std::fputs("\r\x1b[K", stderr);
    }

    void draw_progress() {
        if (!context_.stderr_is_terminal || isatty(STDIN_FILENO) != 0) return;
        const auto stats = producer_.stats();
        std::fprintf(stderr, "\r%llu records read, %llu acknowledged", static_cast<unsigned long long>(line_number_),
                     static_cast<unsigned long long>(stats.acknowledged));
        drew_progress_ = true;
    }

    int conclude() {
        const auto acknowledged = producer_.stats().acknowledged;
        const std::lock_guard lock(outcome_.mutex);
        int code = kDone;
        if (outcome_.failed > 0) {
            std::string lines;
            for (const auto line : outcome_.first_lines) lines.append(lines.empty() ? "" : ", ").append(std::to_string(line));
            if (outcome_.failed > outcome_.first_lines.size()) lines += ", ...";
            report_failure(context_, "produce to " + arguments_.topic, outcome_.first_failure);
            std::fprintf(stderr, "sedge: %llu records were not acknowledged: line %s\n", static_cast<unsigned long long>(outcome_.failed),
                         lines.c_str());
            code = kLeftUndone;
        }
        if (lines_.error() != 0) code = kLeftUndone;
        std::fprintf(stderr, "%llu records %s\n", static_cast<unsigned long long>(acknowledged),
                     arguments_.acks == "0" ? "sent, unacknowledged" : "acknowledged");
        return code;
    }

    const Context& context_;
    const ProduceArguments& arguments_;
    std::vector<std::pair<std::string, std::string>> headers_;
    ProducerRecord record_;        // reused: its constant parts are filled once
    LineReader lines_;
    std::uint64_t line_number_ = 0;
    bool ended_ = false;
    bool hopeless_ = false;
    bool drew_progress_ = false;
    Outcome outcome_;
    Producer producer_;            // last: its callbacks use the above
};

}  // namespace

int produce(const Context& context, const ProduceArguments& arguments) {
    if (const auto wrong = check(arguments); !wrong.empty()) {
        std::fprintf(stderr, "sedge: %s\n", wrong.c_str());
        return kUsage;
    }
    {
        // A wrong topic is told before the first line is typed.
        Admin admin(context.connect_options(), context.timeout_ms);
        const auto topic = admin.describe_topic(arguments.topic);
        if (!topic.ok()) return report_failure(context, "produce to " + arguments.topic, topic.status(), admin.last_node());
        if (arguments.partition && *arguments.partition >= topic->partitions.size())
            return report_failure(context, "produce to " + arguments.topic,
                                  {ErrorCode::unknown_partition, "there is no partition " + std::to_string(*arguments.partition) + "; it has " +
                                                                     std::to_string(topic->partitions.size())},
                                  admin.last_node());
    }
    catch_stop_signals();
    return ProduceRun(context, arguments).run();
}

}  // namespace sedge::cli
