// What the fuzz targets share.
#pragma once

#include <cstdint>
#include <cstdlib>

#include "schema/bytes.h"

namespace sedge {

inline ByteView fuzz_bytes(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const std::byte*>(data), size};
}

// A property that must hold for every input.
inline void fuzz_require(bool holds) {
    if (!holds) std::abort();
}

}  // namespace sedge
