// What the fuzz targets share.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "schema/bytes.h"

namespace sedge {

inline ByteView fuzz_bytes(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const std::byte*>(data), size};
}

// A property that must hold for every input; also where assert() is compiled out.
inline void fuzz_require(bool holds, const char* property = "") {
    if (holds) return;
    std::fprintf(stderr, "does not hold: %s\n", property);
    std::abort();
}

}  // namespace sedge
