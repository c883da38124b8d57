// The process's own resources: descriptors, the allocator, memory.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sedge::node {

// Raises the limit of open descriptors to what is needed if it may, and returns how many there are then.
std::size_t reserve_descriptors(std::size_t needed);

// Lets large messages come from the heap and go back to the system; few arenas. Before any thread is made.
void tune_allocator();
// Gives free memory back to the system.
void trim_memory();

struct ProcessMemory {
    std::uint64_t resident_bytes = 0;
    std::uint64_t anonymous_bytes = 0;
};
ProcessMemory process_memory();

// 64 random bits from the system.
std::uint64_t random_bits();

}  // namespace sedge::node
