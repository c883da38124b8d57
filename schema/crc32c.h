// CRC-32C (Castagnoli, polynomial 0x1EDC6F41, reflected; RFC 3720 appendix B.4), in hardware where the processor has it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "schema/bytes.h"

namespace sedge {

// The checksum of `bytes`; with `previous`, the checksum of what `previous` covered followed by `bytes`.
std::uint32_t crc32c(ByteView bytes, std::uint32_t previous = 0);

// The checksum of A followed by B, from those of A and of B and the size of B: for who has to take B's first.
std::uint32_t crc32c_join(std::uint32_t a, std::uint32_t b, std::size_t b_bytes);

// The same by tables: what crc32c() is on processors without the instruction.
std::uint32_t crc32c_by_table(ByteView bytes, std::uint32_t previous = 0);

}  // namespace sedge
