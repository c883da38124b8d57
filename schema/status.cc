#include "schema/status.h"

#include <array>

namespace sedge {
namespace {

struct Name {
    ErrorCode code;
    std::string_view text;
    bool retriable;
};

// In the order of ErrorCode.
constexpr std::array kNames = {
    Name{ErrorCode::ok, "ok", false},
    Name{ErrorCode::bad_request, "bad_request", false},
    Name{ErrorCode::unsupported_version, "unsupported_version", false},
    Name{ErrorCode::unknown_api, "unknown_api", false},
    Name{ErrorCode::unknown_topic, "unknown_topic", false},
    Name{ErrorCode::unknown_partition, "unknown_partition", false},
    Name{ErrorCode::topic_exists, "topic_exists", false},
    Name{ErrorCode::invalid_topic_name, "invalid_topic_name", false},
    Name{ErrorCode::invalid_config, "invalid_config", false},
    Name{ErrorCode::record_too_large, "record_too_large", false},
    Name{ErrorCode::corrupt_batch, "corrupt_batch", false},
    Name{ErrorCode::out_of_order_sequence, "out_of_order_sequence", false},
    Name{ErrorCode::unknown_producer, "unknown_producer", false},
    Name{ErrorCode::stale_producer_epoch, "stale_producer_epoch", false},
    Name{ErrorCode::offset_out_of_range, "offset_out_of_range", false},
    Name{ErrorCode::damaged, "damaged", false},
    Name{ErrorCode::disk_full, "disk_full", true},
    Name{ErrorCode::busy, "busy", true},
    Name{ErrorCode::not_leader, "not_leader", true},
    Name{ErrorCode::not_enough_replicas, "not_enough_replicas", true},
    Name{ErrorCode::timed_out, "timed_out", true},
    Name{ErrorCode::shutting_down, "shutting_down", true},
    Name{ErrorCode::storage_failed, "storage_failed", true},
    Name{ErrorCode::unreachable, "unreachable", true},
};

constexpr bool in_order() {
    for (std::size_t i = 0; i < kNames.size(); ++i)
        if (static_cast<std::size_t>(kNames[i].code) != i) return false;
    return kNames.back().code == ErrorCode::unreachable;
}
static_assert(in_order(), "kNames must list every ErrorCode in its order");

const Name& entry(ErrorCode code) { return kNames[static_cast<std::size_t>(code)]; }

}  // namespace

std::string_view to_string(ErrorCode code) { return entry(code).text; }

std::optional<ErrorCode> error_code_from(std::string_view name) {
    for (const Name& candidate : kNames)
        if (candidate.text == name) return candidate.code;
    return std::nullopt;
}

bool is_retriable(ErrorCode code) { return entry(code).retriable; }

}  // namespace sedge
