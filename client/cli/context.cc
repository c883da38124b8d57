#include "client/cli/context.h"

#include <algorithm>
#include <cstdio>

namespace sedge::cli {
namespace {

// How long to look for a node before saying that there is none. A node that is just starting is given a chance; a wrong address
// should not cost the whole time-out.
constexpr std::uint32_t kLookForNodesMs = 2'000;

// What a person can do about it; empty when the message says all.
std::string hint_for(ErrorCode code) {
    switch (code) {
        case ErrorCode::unreachable: return "is sedged running there? choose other nodes with -n HOST:PORT or SEDGE_NODES";
        case ErrorCode::timed_out: return "try again, or give it longer with --timeout";
        case ErrorCode::unknown_topic: return "see `sedge topic list`, or make it with `sedge topic create`";
        case ErrorCode::unknown_partition: return "see `sedge topic describe`";
        case ErrorCode::busy: return "the node is at the limit of its memory; try again shortly";
        case ErrorCode::disk_full: return "free space on the node's disk, or lower the topics' retention";
        case ErrorCode::not_leader:
        case ErrorCode::not_enough_replicas: return "see `sedge cluster health`";
        default: return {};
    }
}

}  // namespace

ConnectOptions Context::connect_options() const {
    ConnectOptions options;
    options.nodes = nodes;
    options.request_timeout_ms = timeout_ms;
    options.connect_timeout_ms = std::min(timeout_ms, kLookForNodesMs);
    return options;
}

int exit_code_of(const Status& status) {
    switch (status.code) {
        case ErrorCode::ok: return kDone;
        case ErrorCode::unreachable: return kUnreachable;
        case ErrorCode::timed_out: return kTimedOut;
        default: return kRefused;
    }
}

int report_failure(const Context& context, std::string_view what, const Status& status, std::string_view node) {
    std::string text = "sedge: ";
    text.append(what).append(": ").append(status.message.empty() ? to_string(status.code) : status.message);
    text.append(" [").append(to_string(status.code));
    if (!node.empty()) {
        text.append(", node ").append(node);
    } else {
        text.append(", tried");
        for (const auto& tried : context.nodes) text.append(" ").append(tried);
    }
    text.append("]\n");
    const auto hint = hint_for(status.code);
    if (!hint.empty()) text.append("  hint: ").append(hint).append("\n");
    std::fputs(text.c_str(), stderr);
    return exit_code_of(status);
}

}  // namespace sedge::cli
