#include "node/core/topic_config.h"

#include <catch2/catch.hpp>

#include <map>

using namespace sedge;
using namespace sedge::node;

namespace {

ErrorCode set(TopicConfig& config, std::string_view key, std::string_view value) { return set_config(config, key, value).code; }

std::map<std::string, std::string> shown(const TopicConfig& config) {
    const auto pairs = config_pairs(config);
    return {pairs.begin(), pairs.end()};
}

}  // namespace

TEST_CASE("every key takes what users write", "[topic_config]") {
    TopicConfig config;
    CHECK(set(config, "retention", "12h") == ErrorCode::ok);
    CHECK(config.retention_ms == 12ull * 3600 * 1000);
    CHECK(set(config, "retention", "-1") == ErrorCode::ok);
    CHECK(!config.retention_ms);
    CHECK(set(config, "retention_bytes", "100MB") == ErrorCode::ok);
    CHECK(config.retention_bytes == 100ull << 20);
    CHECK(set(config, "retention_bytes", "-1") == ErrorCode::ok);
    CHECK(!config.retention_bytes);
    CHECK(set(config, "durability", "os") == ErrorCode::ok);
    CHECK(!config.sync);
    CHECK(set(config, "durability", "fsync") == ErrorCode::ok);
    CHECK(config.sync);
    CHECK(set(config, "max_batch_bytes", "64KB") == ErrorCode::ok);
    CHECK(config.max_batch_bytes == 64u << 10);
    CHECK(set(config, "min_insync", "2") == ErrorCode::ok);
    CHECK(set(config, "cleanup", "delete") == ErrorCode::ok);
}

TEST_CASE("what is out of range is refused and changes nothing", "[topic_config]") {
    const std::pair<const char*, const char*> wrong[] = {
        {"retention", ""},          {"retention", "7"  "x"},       {"retention", "0"},           {"retention", "-2"},
        {"retention", "d"},         {"retention", "99999999999999999999d"}, {"retention", "18446744073709551615d"},
        {"retention_bytes", "0"},   {"retention_bytes", "1.5GB"},  {"retention_bytes", "lots"},  {"cleanup", "compact"},
        {"cleanup", ""},            {"durability", "FSYNC"},       {"durability", ""},           {"max_batch_bytes", "1023"},
        {"max_batch_bytes", "5MB"}, {"min_insync", "0"},           {"min_insync", "8"},          {"min_insync", "1B"},
        {"color", "red"},           {"", ""},
    };
    for (const auto& [key, value] : wrong) {
        TopicConfig config;
        INFO(key << "=" << value);
        const Status status = set_config(config, key, value);
        CHECK(status.code == ErrorCode::invalid_config);
        CHECK(!status.message.empty());
        CHECK(config == TopicConfig{});
    }
}

TEST_CASE("what is shown can be set again", "[topic_config]") {
    for (const char* retention : {"7d", "90s", "250ms", "-1", "36h", "1001ms"}) {
        for (const char* bytes : {"-1", "100MB", "3GB", "1000", "2TB"}) {
            TopicConfig config;
            REQUIRE(set(config, "retention", retention) == ErrorCode::ok);
            REQUIRE(set(config, "retention_bytes", bytes) == ErrorCode::ok);
            CHECK(shown(config).at("retention") == retention);
            CHECK(shown(config).at("retention_bytes") == bytes);
            TopicConfig again;
            for (const auto& [key, value] : config_pairs(config)) CHECK(set(again, key, value) == ErrorCode::ok);
            CHECK(again == config);
        }
    }
    CHECK(shown(TopicConfig{}).at("max_batch_bytes") == "1MB");
    CHECK(shown(TopicConfig{}).at("retention") == "7d");
}
