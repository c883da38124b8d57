#include "schema/utf8.h"

#include <catch2/catch.hpp>

using namespace sedge;

TEST_CASE("what is UTF-8 and what is not", "[utf8]") {
    for (const std::string good : {"", "abc", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"}) CHECK(is_utf8(as_bytes(good)));
    for (const std::string bad : {"\x80", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff", "a\xe2\x82"})
        CHECK_FALSE(is_utf8(as_bytes(bad)));
}
