#include "schema/crc32c.h"

#include <catch2/catch.hpp>

#include "schema/partitioner.h"

using namespace sedge;

namespace {

Buffer filled(std::size_t size, unsigned step) {
    Buffer bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>((i * step) & 0xFF);
    return bytes;
}

}  // namespace

TEST_CASE("the checksum gives RFC 3720's answers", "[crc32c]") {
    CHECK(crc32c(as_bytes("123456789")) == 0xE3069283u);
    CHECK(crc32c(Buffer(32, std::byte{0})) == 0x8A9136AAu);
    CHECK(crc32c(Buffer(32, std::byte{0xFF})) == 0x62A8AB43u);
    CHECK(crc32c(filled(32, 1)) == 0x46DD794Eu);
    const Buffer rising = filled(32, 1);
    CHECK(crc32c(Buffer(rising.rbegin(), rising.rend())) == 0x113FDB5Cu);
    CHECK(crc32c({}) == 0u);
}

TEST_CASE("the fast ways agree with the definition at every size and alignment", "[crc32c]") {
    const auto by_definition = [](ByteView bytes) {
        std::uint32_t crc = ~0u;
        for (const std::byte byte : bytes) {
            crc ^= std::to_integer<std::uint32_t>(byte);
            for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78u : 0u);
        }
        return ~crc;
    };
    const Buffer bytes = filled(7000, 13);
    for (std::size_t from = 0; from < 9; ++from) {
        for (const std::size_t size : {0u, 1u, 7u, 8u, 9u, 63u, 64u, 65u, 255u, 257u, 767u, 768u, 1023u, 3071u, 3072u, 3073u, 6144u, 6990u}) {
            const ByteView part = ByteView(bytes).subspan(from, size);
            CHECK(crc32c(part) == by_definition(part));
            CHECK(crc32c_by_table(part) == by_definition(part));
            CHECK(crc32c_by_table(part.subspan(size / 3), crc32c(part.first(size / 3))) == by_definition(part));
        }
    }
}

TEST_CASE("a checksum can be taken in parts, at any size", "[crc32c]") {
    const Buffer bytes = filled(10'000, 7);
    const std::uint32_t whole = crc32c(bytes);
    for (const std::size_t cut : {std::size_t{0}, std::size_t{1}, std::size_t{7}, std::size_t{3071}, std::size_t{3072}, std::size_t{9999}})
        CHECK(crc32c(ByteView(bytes).subspan(cut), crc32c(ByteView(bytes).first(cut))) == whole);
}

TEST_CASE("checksums of two parts give that of the whole, whichever was taken first", "[crc32c]") {
    const Buffer bytes = filled(70'000, 11);
    const std::uint32_t whole = crc32c(bytes);
    for (const std::size_t cut : {0u, 1u, 40u, 4'096u, 65'535u, 69'999u, 70'000u}) {
        const ByteView b = ByteView(bytes).subspan(cut);
        CHECK(crc32c_join(crc32c(ByteView(bytes).first(cut)), crc32c(b), b.size()) == whole);
    }
}

TEST_CASE("the key hash is the Kafka clients' murmur2", "[crc32c]") {
    CHECK(key_hash(as_bytes("21")) == static_cast<std::uint32_t>(-973932308));
    CHECK(key_hash(as_bytes("foobar")) == static_cast<std::uint32_t>(-790332482));
    CHECK(key_hash(as_bytes("a-little-bit-long-string")) == static_cast<std::uint32_t>(-985981536));
    CHECK(key_hash(as_bytes("a-little-bit-longer-string")) == static_cast<std::uint32_t>(-1486304829));
    CHECK(key_hash(as_bytes("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8")) == static_cast<std::uint32_t>(-58897971));
    CHECK(key_hash(as_bytes("abc")) == 479470107u);
}
