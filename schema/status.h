// What went wrong, as a value. Expected failures are a Status or a Result; a broken promise of our own code is an assertion.
#pragma once

#include <cassert>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace sedge {

// Each has a name on the wire (see PROTOCOL.md); the numbers are never sent.
enum class ErrorCode : std::uint8_t {
    ok,
    bad_request,           // the header does not parse, or a field is missing or of the wrong type
    unsupported_version,   // the answer names the versions that are supported
    unknown_api,
    unknown_topic,
    unknown_partition,
    topic_exists,
    invalid_topic_name,
    invalid_config,        // unknown key, or a value outside its range; also: replicas above the number of nodes
    record_too_large,      // a record, batch or frame above its limit
    corrupt_batch,         // checksum or structure
    out_of_order_sequence, // an idempotent producer skipped a sequence
    unknown_producer,      // sequence above 0 from a producer that the partition does not remember
    stale_producer_epoch,
    offset_out_of_range,
    damaged,               // the records at this offset are quarantined; `next_offset` says where reading goes on
    disk_full,
    busy,                  // a budget of the node is used up; nothing was stored, try again
    not_leader,
    not_enough_replicas,
    timed_out,
    shutting_down,
    storage_failed,
    unreachable,           // made by clients only: no node answered
};

// The name on the wire, for example "unknown_topic".
std::string_view to_string(ErrorCode code);
// The code of a wire name; nullopt if this build does not know it.
std::optional<ErrorCode> error_code_from(std::string_view name);
// True if the same request may succeed later without any change.
bool is_retriable(ErrorCode code);

struct Status {
    ErrorCode code = ErrorCode::ok;
    std::string message{};  // for a person: what failed and what would be right

    bool ok() const { return code == ErrorCode::ok; }
    bool operator==(const Status&) const = default;
};

// A value, or the reason why there is none.
template <class T>
class [[nodiscard]] Result {
  public:
    Result(T value) : state_(std::move(value)) {}
    Result(Status failure) : state_(std::move(failure)) { assert(!std::get<Status>(state_).ok()); }

    bool ok() const { return std::holds_alternative<T>(state_); }
    explicit operator bool() const { return ok(); }
    const T& value() const& { return std::get<T>(state_); }
    T& value() & { return std::get<T>(state_); }
    T&& value() && { return std::get<T>(std::move(state_)); }
    const T& operator*() const& { return value(); }
    T& operator*() & { return value(); }
    const T* operator->() const { return &value(); }
    T* operator->() { return &value(); }
    const Status& status() const { return std::get<Status>(state_); }

  private:
    std::variant<T, Status> state_;
};

}  // namespace sedge
