// The core's only source of chance: xoshiro256** (Blackman and Vigna, 2018), seeded by the shell or the simulator, so that a
// run with the same seed draws the same numbers on every machine.
#pragma once

#include <array>
#include <cstdint>

namespace sedge::node {

class Random {
  public:
    explicit Random(std::uint64_t seed) {
        // splitmix64 fills the state, as the generator's authors advise.
        for (auto& word : state_) {
            seed += 0x9E3779B97F4A7C15ull;
            std::uint64_t z = seed;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
            word = z ^ (z >> 31);
        }
    }

    std::uint64_t next() {
        const std::uint64_t result = rotate(state_[1] * 5, 7) * 9;
        const std::uint64_t shifted = state_[1] << 17;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= shifted;
        state_[3] = rotate(state_[3], 45);
        return result;
    }

    // Evenly one of 0 .. bound-1. Requires bound > 0. The bias of the multiplication is below bound / 2^64.
    std::uint64_t below(std::uint64_t bound) {
        return static_cast<std::uint64_t>((static_cast<Wide>(next()) * bound) >> 64);
    }

    // True in `percent` of 100 cases.
    bool chance(std::uint32_t percent) { return below(100) < percent; }

  private:
    __extension__ using Wide = unsigned __int128;
    static std::uint64_t rotate(std::uint64_t word, int by) { return (word << by) | (word >> (64 - by)); }
    std::array<std::uint64_t, 4> state_{};
};

}  // namespace sedge::node
