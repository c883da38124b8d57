#include "client/cli/line_reader.h"

#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <vector>

namespace sedge::cli {
namespace {

// A pipe whose writing end is closed on demand.
struct Pipe {
    std::array<int, 2> ends{};
    Pipe() { REQUIRE(pipe(ends.data()) == 0); }
    ~Pipe() {
        finish();
        close(ends[0]);
    }
    void put(const std::string& text) const { REQUIRE(write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size())); }
    void finish() {
        if (ends[1] >= 0) close(ends[1]);
        ends[1] = -1;
    }
};

// The lines that are there without reading more; "<long>" for one that is too long.
std::vector<std::string> take(LineReader& reader) {
    std::vector<std::string> lines;
    std::string_view line;
    for (;;) {
        switch (reader.next(line)) {
            case LineReader::Next::line: lines.emplace_back(line); break;
            case LineReader::Next::too_long: lines.emplace_back("<long>"); break;
            default: return lines;
        }
    }
}

using Lines = std::vector<std::string>;

TEST_CASE("lines come as they are complete, the last one without a newline too", "[line_reader]") {
    Pipe pipe;
    LineReader reader(pipe.ends[0], 100);
    pipe.put("one\n\ntw");
    REQUIRE(reader.fill());
    CHECK(take(reader) == Lines{"one", ""});
    pipe.put("o\nthree");
    REQUIRE(reader.fill());
    CHECK(take(reader) == Lines{"two"});
    pipe.finish();
    CHECK_FALSE(reader.fill());
    CHECK(take(reader) == Lines{"three"});
    CHECK(take(reader).empty());
    CHECK(reader.error() == 0);
}

TEST_CASE("lines that are too long are named and skipped, however they arrive", "[line_reader]") {
    Pipe pipe;
    LineReader reader(pipe.ends[0], 10);
    pipe.put("short\n" + std::string(20, 'x') + "\nnext\n" + std::string(11, 'y'));
    REQUIRE(reader.fill());
    CHECK(take(reader) == Lines{"short", "<long>", "next", "<long>"});
    pipe.put(std::string(50, 'y'));
    REQUIRE(reader.fill());
    CHECK(take(reader).empty());
    pipe.put("yy\nlast\n" + std::string(12, 'z'));
    REQUIRE(reader.fill());
    CHECK(take(reader) == Lines{"last", "<long>"});
    pipe.finish();
    CHECK_FALSE(reader.fill());
    CHECK(take(reader).empty());
}

}  // namespace
}  // namespace sedge::cli
