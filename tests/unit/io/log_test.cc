#include "node/io/log.h"

#include <catch2/catch.hpp>

using namespace sedge::node;

TEST_CASE("an event is one line, whatever its values hold", "[log]") {
    CHECK(format_event("ready", {}) == "ready");
    CHECK(format_event("ready", {{"node", "a"}, {"port", 7701}}) == "ready node=a port=7701");
    CHECK(format_event("x", {{"text", "two words"}}) == "x text=\"two words\"");
    CHECK(format_event("x", {{"text", ""}}) == "x text=\"\"");
    CHECK(format_event("x", {{"text", "a\"b\\c\n\x01"}}) == "x text=\"a\\\"b\\\\c\\n\\x01\"");
    CHECK(format_event("x", {{"text", "k=v"}}) == "x text=\"k=v\"");
}

TEST_CASE("levels have names", "[log]") {
    for (const auto level : {LogLevel::debug, LogLevel::info, LogLevel::warning, LogLevel::error})
        CHECK(log_level_from(to_string(level)) == level);
    CHECK_FALSE(log_level_from("loud"));
}
