// Writes past the page cache, and ordinary ones where that is not possible.
#include <fcntl.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "node/io/direct_file.h"

namespace sedge::node {
namespace {

constexpr std::size_t kPage = 4096;

// A file of two pages in `directory` that goes with the block.
struct Pages {
    explicit Pages(const std::string& directory) {
        std::string name = directory + "/direct-XXXXXX";
        file = File(::mkstemp(name.data()));
        path = name;
        REQUIRE(file.write_at(0, Buffer(2 * kPage)) == 0);
        REQUIRE(file.sync() == 0);
    }
    ~Pages() { std::filesystem::remove(path); }
    std::byte at(std::uint64_t place) const {
        std::byte byte{};
        REQUIRE(file.read_at(place, {&byte, 1}) == 1);
        return byte;
    }
    File file;
    std::string path;
};

void write_page(DirectFile& direct, std::uint64_t at, std::byte fill, bool past_cache) {
    std::ranges::fill(direct.buffer(kPage), fill);
    REQUIRE(direct.write(at, kPage, past_cache) == 0);
}

void check_both_ways(const std::string& directory) {
    const Pages pages(directory);
    DirectFile direct(pages.path, pages.file.descriptor(), kPage, kPage);
    REQUIRE(pages.at(0) == std::byte{0});  // it lies in the page cache now
    write_page(direct, 0, std::byte{1}, true);
    write_page(direct, kPage, std::byte{2}, false);
    CHECK(pages.at(0) == std::byte{1});
    CHECK(pages.at(kPage) == std::byte{2});
    // Each way over what the other one wrote.
    write_page(direct, 0, std::byte{3}, false);
    write_page(direct, kPage, std::byte{4}, true);
    CHECK(pages.at(0) == std::byte{3});
    CHECK(pages.at(kPage) == std::byte{4});
}

}  // namespace

TEST_CASE("what is written past the page cache is read through it, and the other way round") {
    check_both_ways(std::filesystem::temp_directory_path().string());
}

TEST_CASE("without direct I/O pages are written all the same") {
    if (!std::filesystem::is_directory("/dev/shm")) return;
    check_both_ways("/dev/shm");
}

TEST_CASE("a direct write that fails says why") {
    const Pages pages(std::filesystem::temp_directory_path().string());
    const File read_only = File::open(pages.path, O_RDONLY);
    DirectFile direct(pages.path + ".missing", read_only.descriptor(), kPage, kPage);
    CHECK_FALSE(direct.is_direct());
    std::ranges::fill(direct.buffer(kPage), std::byte{1});
    CHECK(direct.write(0, kPage, true) == EBADF);
}

}  // namespace sedge::node
