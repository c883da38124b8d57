#include "schema/msgpack.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>

#include "schema/limits.h"

using namespace sedge;
using Type = MsgpackReader::Type;

namespace {

Buffer raw(std::initializer_list<int> values) {
    Buffer bytes;
    for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
    return bytes;
}

template <class Write>
Buffer written(Write&& write) {
    Buffer bytes;
    MsgpackWriter writer(bytes);
    write(writer);
    return bytes;
}

// A random value, and the same again inside arrays and maps.
void write_any(MsgpackWriter& writer, std::mt19937_64& random, int depth) {
    const std::string text(random() % 40, 'x');
    switch (random() % (depth > 0 ? 9 : 7)) {
        case 0: writer.nil(); break;
        case 1: writer.boolean(random() % 2 == 0); break;
        case 2: writer.uint(random() >> (random() % 64)); break;
        case 3: writer.sint(-static_cast<std::int64_t>(random() >> (1 + random() % 63))); break;
        case 4: writer.real(static_cast<double>(random())); break;
        case 5: writer.str(text); break;
        case 6: writer.bin(as_bytes(text)); break;
        default: {
            const bool is_map = random() % 2 == 0;
            const auto size = static_cast<std::uint32_t>(random() % 20);
            is_map ? writer.map(size) : writer.array(size);
            for (std::uint32_t i = 0; i < size * (is_map ? 2 : 1); ++i) write_any(writer, random, depth - 1);
        }
    }
}

}  // namespace

TEST_CASE("integers take the shortest form and come back at every edge", "[msgpack]") {
    for (unsigned bit = 0; bit < 64; ++bit) {
        for (const std::uint64_t value : {(std::uint64_t{1} << bit) - 1, std::uint64_t{1} << bit, ~std::uint64_t{0} >> bit}) {
            const Buffer bytes = written([&](MsgpackWriter& writer) { writer.uint(value); });
            const std::size_t width = value < 0x80 ? 1 : value <= 0xFF ? 2 : value <= 0xFFFF ? 3 : value <= 0xFFFFFFFF ? 5 : 9;
            CHECK(bytes.size() == width);
            MsgpackReader reader(bytes);
            CHECK(reader.peek() == Type::uint);
            CHECK(reader.uint() == value);
            CHECK(reader.at_end());
            if (value > INT64_MAX) continue;
            for (const std::int64_t number : {static_cast<std::int64_t>(value), -static_cast<std::int64_t>(value), -static_cast<std::int64_t>(value) - 1}) {
                const Buffer signed_bytes = written([&](MsgpackWriter& writer) { writer.sint(number); });
                MsgpackReader signed_reader(signed_bytes);
                CHECK(signed_reader.peek() == (number < 0 ? Type::negative : Type::uint));
                CHECK(signed_reader.sint() == number);
                CHECK(signed_reader.at_end());
            }
        }
    }
}

TEST_CASE("positive numbers may come as signed ones", "[msgpack]") {
    CHECK(MsgpackReader(raw({0xD0, 0x7F})).uint() == 127u);
    CHECK(MsgpackReader(raw({0xD1, 0x01, 0x00})).uint() == 256u);
    CHECK(MsgpackReader(raw({0xD3, 0, 0, 0, 0, 0, 0, 1, 0})).uint() == 256u);
    CHECK(!MsgpackReader(raw({0xD0, 0x80})).uint());
    CHECK(!MsgpackReader(raw({0xFF})).uint());
    CHECK(!MsgpackReader(raw({0xCF, 0x80, 0, 0, 0, 0, 0, 0, 0})).sint());  // above what is signed
}

TEST_CASE("strings and bytes come back at every width of their size", "[msgpack]") {
    for (const std::size_t size : {0u, 1u, 31u, 32u, 255u, 256u, 65'535u, 65'536u}) {
        const std::string text(size, 's');
        const Buffer as_str = written([&](MsgpackWriter& writer) { writer.str(text); });
        CHECK(as_str.size() == size + (size < 32 ? 1 : size < 256 ? 2 : size < 65'536 ? 3 : 5));
        CHECK(MsgpackReader(as_str).str() == text);
        CHECK(as_text(*MsgpackReader(as_str).blob()) == text);
        CHECK(!MsgpackReader(as_str).bin());
        const Buffer as_bin = written([&](MsgpackWriter& writer) { writer.bin(as_bytes(text)); });
        CHECK(as_bin.size() == size + (size < 256 ? 2 : size < 65'536 ? 3 : 5));
        CHECK(as_text(*MsgpackReader(as_bin).bin()) == text);
        CHECK(as_text(*MsgpackReader(as_bin).blob()) == text);
        CHECK(!MsgpackReader(as_bin).str());
    }
}

TEST_CASE("floats of both widths", "[msgpack]") {
    for (const double value : {0.0, -1.5, 1e300, std::numeric_limits<double>::infinity()})
        CHECK(MsgpackReader(written([&](MsgpackWriter& writer) { writer.real(value); })).real() == value);
    CHECK(MsgpackReader(raw({0xCA, 0x3F, 0x80, 0, 0})).real() == 1.0);
    CHECK(!MsgpackReader(raw({0x01})).real());
}

TEST_CASE("sizes of arrays and maps, and what they may claim", "[msgpack]") {
    for (const std::uint32_t size : {0u, 15u, 16u, 65'535u, 65'536u}) {
        Buffer array = written([&](MsgpackWriter& writer) { writer.array(size); });
        CHECK((size == 0) == MsgpackReader(array).array().has_value());  // nothing follows
        array.resize(array.size() + size, std::byte{0xC0});
        CHECK(MsgpackReader(array).array() == size);
        Buffer map = written([&](MsgpackWriter& writer) { writer.map(size); });
        map.resize(map.size() + 2 * std::size_t{size}, std::byte{0xC0});
        CHECK(MsgpackReader(map).map() == size);
        map.pop_back();
        CHECK((size == 0 || !MsgpackReader(map).map().has_value()));
    }
    CHECK(!MsgpackReader(raw({0xDD, 0xFF, 0xFF, 0xFF, 0xFF, 0})).array());
    CHECK(!MsgpackReader(raw({0xDF, 0xFF, 0xFF, 0xFF, 0xFF, 0})).map());
    CHECK(!MsgpackReader(raw({0xC6, 0xFF, 0xFF, 0xFF, 0xFF, 0})).bin());
    CHECK(!MsgpackReader(raw({0xDB, 0xFF, 0xFF, 0xFF, 0xFF, 0})).str());
    CHECK(!MsgpackReader(raw({0xC9, 0xFF, 0xFF, 0xFF, 0xFF, 0})).skip());
}

TEST_CASE("nil is tried without harm, everything else fails for good", "[msgpack]") {
    const Buffer bytes = raw({0x05, 0xC0});
    MsgpackReader reader(bytes);
    CHECK(!reader.nil());
    CHECK(!reader.failed());
    CHECK(!reader.boolean());
    CHECK(reader.failed());
    CHECK(!reader.uint());  // it stays failed, though a uint is next
    CHECK(reader.peek() == Type::none);
    CHECK(!reader.skip());
    CHECK(reader.position() == 0);
}

TEST_CASE("every type can be skipped, ext too, and 0xc1 is no type", "[msgpack]") {
    for (const Buffer& ext : {raw({0xD4, 1, 9}), raw({0xD5, 1, 9, 9}), raw({0xD6, 1, 9, 9, 9, 9}), raw({0xC7, 2, 1, 9, 9}), raw({0xC7, 0, 1}),
                              raw({0xC8, 0, 1, 1, 9}), raw({0xC9, 0, 0, 0, 1, 1, 9})}) {
        MsgpackReader reader(ext);
        CHECK(reader.peek() == Type::ext);
        CHECK(reader.skip());
        CHECK(reader.at_end());
        CHECK(!MsgpackReader(ByteView(ext).first(ext.size() - 1)).skip());
    }
    CHECK(!MsgpackReader(raw({0xC1})).skip());
    CHECK(MsgpackReader(raw({0xC1})).peek() == Type::none);
    CHECK(!MsgpackReader({}).skip());
}

TEST_CASE("values are nested as deep as the limit says", "[msgpack]") {
    const auto nested = [](int depth, std::byte tag) {
        Buffer bytes(static_cast<std::size_t>(depth), tag);
        bytes.push_back(std::byte{0xC0});
        return bytes;
    };
    CHECK(MsgpackReader(nested(limits::kMaxMsgpackDepth, std::byte{0x91})).skip());
    CHECK(!MsgpackReader(nested(limits::kMaxMsgpackDepth + 1, std::byte{0x91})).skip());
    CHECK(!MsgpackReader(nested(1'000'000, std::byte{0x91})).skip());
    Buffer maps = nested(1'000'000, std::byte{0x81});
    for (std::size_t i = 1; i < maps.size(); i += 2) maps[i] = std::byte{0x81};
    CHECK(!MsgpackReader(maps).skip());
}

TEST_CASE("whatever is written is skipped whole, and never when cut short", "[msgpack]") {
    std::mt19937_64 random(7);
    for (int round = 0; round < 200; ++round) {
        const Buffer bytes = written([&](MsgpackWriter& writer) { write_any(writer, random, 3); });
        MsgpackReader reader(bytes);
        REQUIRE(reader.skip());
        REQUIRE(reader.at_end());
        for (std::size_t size = 0; size < bytes.size(); size += 1 + bytes.size() / 64) REQUIRE(!MsgpackReader(ByteView(bytes).first(size)).skip());
    }
}
