#include "node/io/manifest.h"

#include <catch2/catch.hpp>

using namespace sedge;
using namespace sedge::node;

namespace {

const Manifest kManifest{3,
                         {{1, 0xABCDEF, SegmentState::sealed, 1, 17, 8192},
                          {3, 0x123456789ABCDEF1, SegmentState::damaged, 18, 99, 4096 * 7},
                          {4, 5, SegmentState::open, 100, 0, 0},
                          {9, 6, SegmentState::fresh, 200, 0, 0}}};

}  // namespace

TEST_CASE("a list of segments comes back as it was", "[manifest]") {
    const auto again = decode_manifest(encode_manifest(kManifest));
    REQUIRE(again.ok());
    CHECK(*again == kManifest);
    CHECK(decode_manifest(encode_manifest({})).ok());
}

TEST_CASE("a damaged list is noticed, wherever it is hit", "[manifest]") {
    const std::string text = encode_manifest(kManifest);
    for (std::size_t at = 0; at < text.size(); ++at) {
        CHECK(!decode_manifest(std::string_view(text).substr(0, at)).ok());
        for (int bit = 0; bit < 8; ++bit) {
            std::string damaged = text;
            damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
            CHECK(!decode_manifest(damaged).ok());
        }
    }
    CHECK(!decode_manifest(text + "x").ok());
}

TEST_CASE("segments are named by their id", "[manifest]") {
    CHECK(segment_file_name(0x12) == "0000000000000012.seg");
    CHECK(segment_id_of("0000000000000012.seg") == 0x12);
    for (const char* name : {"", ".seg", "12.seg", "0000000000000012.SEG", "000000000000001g.seg", "00000000000000012.seg", "manifest"})
        CHECK(!segment_id_of(name));
}
