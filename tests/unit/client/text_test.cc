#include "client/cli/text.h"

#include <catch2/catch.hpp>

namespace sedge::cli {
namespace {

TEST_CASE("places to begin", "[text]") {
    const auto is = [](const char* text, StartAt::Kind kind, std::uint64_t value) {
        const auto start = parse_start(text);
        REQUIRE(start.ok());
        CHECK(start->kind == kind);
        CHECK(start->value == value);
    };
    is("beginning", StartAt::Kind::beginning, 0);
    is("end", StartAt::Kind::end, 0);
    is("17", StartAt::Kind::offset, 17);
    is("-5", StartAt::Kind::before_end, 5);
    is("@1700000000123", StartAt::Kind::time, 1'700'000'000'123);
    is("@1970-01-02", StartAt::Kind::time, 86'400'000);
    for (const auto* wrong : {"", "-", "@", "x", "1x", "-x", "@yesterday", "99999999999999999999"}) CHECK_FALSE(parse_start(wrong).ok());
}

TEST_CASE("addresses of nodes", "[text]") {
    for (const auto* right : {"localhost:7701", "10.0.0.2:1", "a.b-c:65535", "[::1]:7701"}) CHECK(is_host_and_port(right));
    for (const auto* wrong : {"", ":", "localhost", "localhost:", ":7701", "h:0", "h:65536", "h:x", "h:77x", "::1:7701"})
        CHECK_FALSE(is_host_and_port(wrong));
}

TEST_CASE("ISO 8601 times", "[text]") {
    CHECK(parse_iso_time("2023-11-14T22:13:20Z") == 1'700'000'000'000);
    CHECK(parse_iso_time("2023-11-14T22:13:20") == 1'700'000'000'000);
    CHECK(parse_iso_time("2023-11-14 22:13:20.5") == 1'700'000'000'500);
    CHECK(parse_iso_time("2023-11-14T23:13:20.1234+01:00") == 1'700'000'000'123);
    CHECK(parse_iso_time("2023-11-14T17:43:20-0430") == 1'700'000'000'000);
    CHECK(parse_iso_time("1970-01-01") == 0);
    for (const auto* wrong : {"2023-13-01", "2023-02-30", "2023-11-14T25:00", "2023-11-14T22", "2023-11-14X", "1969-01-01", "2023-11-14T22:13:20+"})
        CHECK_FALSE(parse_iso_time(wrong));
}

TEST_CASE("pairs", "[text]") {
    CHECK(parse_pair("a=b=c") == std::pair<std::string, std::string>{"a", "b=c"});
    CHECK(parse_pair("a=") == std::pair<std::string, std::string>{"a", ""});
    CHECK_FALSE(parse_pair("=b"));
    CHECK_FALSE(parse_pair("ab"));
}

TEST_CASE("record formats", "[text]") {
    ConsumerRecord record;
    record.topic = "t";
    record.partition = PartitionIndex{3};
    record.offset = Offset{17};
    record.timestamp_ms = 99;
    record.key = as_bytes("key");
    record.value = as_bytes("value");
    record.headers = {{"a", as_bytes("1")}, {"b", as_bytes("2")}};
    const auto format = RecordFormat::parse("%t/%p@%o %T %k=%v [%h] 100%%\\n\\t\\\\\\q");
    REQUIRE(format.ok());
    std::string out;
    format->append(record, out);
    CHECK(out == "t/3@17 99 key=value [a=1,b=2] 100%\n\t\\\\q");
    record.key.reset();
    record.value.reset();
    out.clear();
    RecordFormat::parse("%k:%v")->append(record, out);
    CHECK(out == ":");
    CHECK_FALSE(RecordFormat::parse("%x").ok());
    CHECK_FALSE(RecordFormat::parse("%").ok());
}

TEST_CASE("tables are aligned on a terminal and tabbed in a pipe", "[text]") {
    Table table({"NAME", "N"});
    table.row({"a", "1"});
    table.row({"longer", "22"});
    CHECK(table.text(false) == "NAME\tN\na\t1\nlonger\t22\n");
    CHECK(table.text(true) == "\x1b[1mNAME    N\x1b[0m\na       1\nlonger  22\n");
    CHECK(human_bytes(999) == "999 B");
    CHECK(human_bytes(12'300'000) == "12.3 MB");
}

}  // namespace
}  // namespace sedge::cli
