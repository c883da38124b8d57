// Fixed-width integers in little-endian byte order, as the batch header and the disk formats use them.
#pragma once

#include <bit>
#include <cstring>
#include <type_traits>

#include "schema/bytes.h"

namespace sedge {

static_assert(std::endian::native == std::endian::little, "the formats are little-endian; a big-endian build needs swaps here");

// Require that the integer lies within the bytes.
template <class Integer>
Integer load_le(ByteView bytes, std::size_t at) {
    static_assert(std::is_unsigned_v<Integer>);
    Integer value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

template <class Integer>
void store_le(MutableBytes bytes, std::size_t at, Integer value) {
    static_assert(std::is_unsigned_v<Integer>);
    std::memcpy(bytes.data() + at, &value, sizeof value);
}

}  // namespace sedge
