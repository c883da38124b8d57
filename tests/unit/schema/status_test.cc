#include "schema/status.h"

#include <catch2/catch.hpp>
#include <set>

#include "schema/ids.h"

using namespace sedge;

namespace {

template <class Visit>
void for_each_code(Visit&& visit) {
    for (int i = 0; i <= static_cast<int>(ErrorCode::unreachable); ++i) visit(static_cast<ErrorCode>(i));
}

}  // namespace

TEST_CASE("every error has a name of its own, and the name leads back", "[status]") {
    std::set<std::string_view> names;
    for_each_code([&](ErrorCode code) {
        names.insert(to_string(code));
        CHECK(error_code_from(to_string(code)) == code);
    });
    CHECK(names.size() == static_cast<std::size_t>(ErrorCode::unreachable) + 1);
    CHECK(!error_code_from("never_heard_of"));
    CHECK(!error_code_from(""));
}

TEST_CASE("only what nothing was stored for, and what may pass, is tried again", "[status]") {
    std::set<std::string_view> retriable;
    for_each_code([&](ErrorCode code) {
        if (is_retriable(code)) retriable.insert(to_string(code));
    });
    CHECK(retriable == std::set<std::string_view>{"disk_full", "busy", "not_leader", "not_enough_replicas", "timed_out", "shutting_down", "storage_failed", "unreachable"});
}

TEST_CASE("a topic's id reads as 32 hexadecimal digits", "[status]") {
    TopicId id;
    for (std::size_t i = 0; i < id.bytes.size(); ++i) id.bytes[i] = static_cast<std::uint8_t>(0xF0 - 15 * i);
    CHECK(to_string(id) == "f0e1d2c3b4a5968778695a4b3c2d1e0f");
}
