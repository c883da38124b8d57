#include "schema/crc32c.h"

#include <array>
#include <cstring>

#if defined(__SSE4_2__)
#include <nmmintrin.h>
#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#endif

namespace sedge {
namespace {

constexpr std::uint32_t kPolynomial = 0x82F63B78;  // 0x1EDC6F41, reflected

// [k][b]: the checksum of byte b followed by k zeros. Eight bytes are then eight look-ups that do not wait for each other.
constexpr std::size_t kSlices = 8;
using SliceTable = std::array<std::array<std::uint32_t, 256>, kSlices>;

constexpr SliceTable make_table() {
    SliceTable table{};
    for (std::uint32_t i = 0; i < 256; ++i) {
        std::uint32_t crc = i;
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
        table[0][i] = crc;
    }
    for (std::size_t k = 1; k < kSlices; ++k)
        for (std::size_t i = 0; i < 256; ++i) table[k][i] = (table[k - 1][i] >> 8) ^ table[0][table[k - 1][i] & 0xFF];
    return table;
}
constexpr SliceTable kTable = make_table();

std::uint32_t update_by_table(std::uint32_t crc, const std::byte* at, std::size_t size) {
    for (; size >= kSlices; size -= kSlices, at += kSlices) {
        std::uint64_t word;
        std::memcpy(&word, at, sizeof word);  // little-endian, as all of the formats
        word ^= crc;
        crc = 0;
        for (std::size_t k = 0; k < kSlices; ++k) crc ^= kTable[kSlices - 1 - k][word >> (8 * k) & 0xFF];
    }
    for (; size > 0; --size, ++at) crc = (crc >> 8) ^ kTable[0][(crc ^ std::to_integer<std::uint32_t>(*at)) & 0xFF];
    return crc;
}

#if defined(__SSE4_2__) || defined(__ARM_FEATURE_CRC32)

std::uint64_t word_at(const std::byte* at) {
    std::uint64_t word;
    std::memcpy(&word, at, sizeof word);
    return word;
}

#if defined(__SSE4_2__)
std::uint32_t step8(std::uint32_t crc, std::byte byte) { return _mm_crc32_u8(crc, std::to_integer<std::uint8_t>(byte)); }
std::uint32_t step64(std::uint32_t crc, std::uint64_t word) { return static_cast<std::uint32_t>(_mm_crc32_u64(crc, word)); }
#else
std::uint32_t step8(std::uint32_t crc, std::byte byte) { return __crc32cb(crc, std::to_integer<std::uint8_t>(byte)); }
std::uint32_t step64(std::uint32_t crc, std::uint64_t word) { return __crc32cd(crc, word); }
#endif

// The instruction takes three cycles but one can start in each, so three lanes run side by side and are joined afterwards: joining
// lane A with what follows means moving A's checksum over the zeros of a lane's length, which is linear and hence a table.
constexpr std::size_t kLaneBytes = 1024;

constexpr std::uint32_t over_zero_byte(std::uint32_t crc) { return (crc >> 8) ^ kTable[0][crc & 0xFF]; }

struct ShiftTable {
    // [k][b]: byte k of the checksum is b, moved over one lane of zeros.
    std::array<std::array<std::uint32_t, 256>, 4> part{};
};

ShiftTable make_shift_table() {
    std::array<std::uint32_t, 32> bit{};
    for (std::uint32_t i = 0; i < 32; ++i) {
        std::uint32_t crc = std::uint32_t{1} << i;
        for (std::size_t n = 0; n < kLaneBytes; ++n) crc = over_zero_byte(crc);
        bit[i] = crc;
    }
    ShiftTable table;
    for (std::size_t k = 0; k < 4; ++k)
        for (std::size_t b = 0; b < 256; ++b)
            for (std::size_t i = 0; i < 8; ++i)
                if ((b >> i & 1) != 0) table.part[k][b] ^= bit[8 * k + i];
    return table;
}

std::uint32_t over_lane(const ShiftTable& table, std::uint32_t crc) {
    return table.part[0][crc & 0xFF] ^ table.part[1][crc >> 8 & 0xFF] ^ table.part[2][crc >> 16 & 0xFF] ^
           table.part[3][crc >> 24];
}

std::uint32_t update(std::uint32_t crc, const std::byte* at, std::size_t size) {
    static const ShiftTable kShift = make_shift_table();
    for (; size >= 3 * kLaneBytes; size -= 3 * kLaneBytes, at += 3 * kLaneBytes) {
        std::uint32_t b = 0;
        std::uint32_t c = 0;
        for (std::size_t i = 0; i < kLaneBytes; i += 8) {
            crc = step64(crc, word_at(at + i));
            b = step64(b, word_at(at + kLaneBytes + i));
            c = step64(c, word_at(at + 2 * kLaneBytes + i));
        }
        crc = over_lane(kShift, over_lane(kShift, crc) ^ b) ^ c;
    }
    for (; size >= 8; size -= 8, at += 8) crc = step64(crc, word_at(at));
    for (; size > 0; --size, ++at) crc = step8(crc, *at);
    return crc;
}

#else

std::uint32_t update(std::uint32_t crc, const std::byte* at, std::size_t size) { return update_by_table(crc, at, size); }

#endif

// Checksums are polynomials over GF(2), reflected: the top bit is x^0. The product of two of them, modulo the checksum's own polynomial.
constexpr std::uint32_t kOne = 0x8000'0000;
constexpr std::uint32_t times(std::uint32_t a, std::uint32_t b) {
    std::uint32_t product = 0;
    for (; a != 0; a <<= 1) {
        if ((a & kOne) != 0) product ^= b;
        b = (b >> 1) ^ ((b & 1) != 0 ? kPolynomial : 0);  // times x
    }
    return product;
}

// [k]: what a checksum is multiplied with when 2^k zero bytes follow.
constexpr auto kZeroBytes = [] {
    std::array<std::uint32_t, 64> powers{};
    powers[0] = kOne >> 8;
    for (std::size_t k = 1; k < powers.size(); ++k) powers[k] = times(powers[k - 1], powers[k - 1]);
    return powers;
}();

}  // namespace

std::uint32_t crc32c_join(std::uint32_t a, std::uint32_t b, std::size_t b_bytes) {
    for (std::size_t k = 0; b_bytes != 0; ++k, b_bytes >>= 1)
        if ((b_bytes & 1) != 0) a = times(kZeroBytes[k], a);
    return a ^ b;
}

std::uint32_t crc32c(ByteView bytes, std::uint32_t previous) { return ~update(~previous, bytes.data(), bytes.size()); }

std::uint32_t crc32c_by_table(ByteView bytes, std::uint32_t previous) {
    return ~update_by_table(~previous, bytes.data(), bytes.size());
}

}  // namespace sedge
