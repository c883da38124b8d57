#include "schema/compression.h"

#include <catch2/catch.hpp>
#include <random>

using namespace sedge;

namespace {

constexpr std::size_t kLimitBytes = 100'000;

Buffer compressed(Codec codec, ByteView plain) {
    Buffer packed;
    compress(codec, plain, packed);
    return packed;
}

Buffer noise(std::size_t size) {
    std::mt19937_64 random(size);
    Buffer bytes(size);
    for (std::byte& each : bytes) each = static_cast<std::byte>(random() & 0xFF);
    return bytes;
}

}  // namespace

TEST_CASE("what is compressed comes back, up to the very limit", "[compression]") {
    for (const Codec codec : {Codec::zstd, Codec::lz4}) {
        for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{65'536}, std::size_t{65'537}, kLimitBytes - 1, kLimitBytes}) {
            for (const Buffer& plain : {Buffer(size, std::byte{7}), noise(size)}) {
                Buffer out = noise(10);  // replaced, not appended to
                CHECK(decompress(codec, compressed(codec, plain), kLimitBytes, out).ok());
                CHECK(out == plain);
            }
        }
    }
}

TEST_CASE("compressed bytes are appended to what is there", "[compression]") {
    for (const Codec codec : {Codec::zstd, Codec::lz4}) {
        Buffer out = noise(72);
        compress(codec, as_bytes("body"), out);
        CHECK(std::equal(out.begin(), out.begin() + 72, noise(72).begin()));
        Buffer plain;
        CHECK(decompress(codec, ByteView(out).subspan(72), kLimitBytes, plain).ok());
        CHECK(as_text(plain) == "body");
    }
}

TEST_CASE("a bomb is refused within the limit's memory", "[compression]") {
    for (const Codec codec : {Codec::zstd, Codec::lz4}) {
        for (const std::size_t size : {kLimitBytes + 1, kLimitBytes + 70'000, std::size_t{20} << 20}) {
            const Buffer bomb = compressed(codec, Buffer(size));
            Buffer out;
            CHECK(decompress(codec, bomb, kLimitBytes, out).code == ErrorCode::record_too_large);
            CHECK(out.empty());
            CHECK(out.capacity() <= 2 * kLimitBytes);
        }
    }
}

TEST_CASE("what is cut, changed or followed by more is refused", "[compression]") {
    const std::string text(3000, 'a');
    for (const Codec codec : {Codec::zstd, Codec::lz4}) {
        Buffer packed = compressed(codec, as_bytes(text));
        Buffer out;
        for (std::size_t size = 0; size < packed.size(); ++size) REQUIRE(decompress(codec, ByteView(packed).first(size), kLimitBytes, out).code == ErrorCode::corrupt_batch);
        packed.push_back(std::byte{0});
        CHECK(decompress(codec, packed, kLimitBytes, out).code == ErrorCode::corrupt_batch);
        packed.pop_back();
        const Buffer once = packed;
        packed.insert(packed.end(), once.begin(), once.end());
        CHECK(decompress(codec, packed, kLimitBytes, out).code == ErrorCode::corrupt_batch);  // one frame is what a body is
        CHECK(decompress(codec == Codec::zstd ? Codec::lz4 : Codec::zstd, once, kLimitBytes, out).code == ErrorCode::corrupt_batch);
        CHECK(!decompress(codec, noise(1000), kLimitBytes, out).ok());
    }
}
