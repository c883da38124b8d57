// The simulator's generator: the same numbers for the same seed on every machine and compiler (xoshiro256**, seeded by splitmix64).
#pragma once

#include <array>
#include <cstdint>

#include "schema/bytes.h"

namespace sedge::sim {

class Random {
  public:
    explicit Random(std::uint64_t seed) {
        for (auto& word : state_) word = splitmix(seed);
    }

    std::uint64_t next() {
        const std::uint64_t result = rotate(state_[1] * 5, 7) * 9;
        const std::uint64_t t = state_[1] << 17;
        state_[2] ^= state_[0];
        state_[3] ^= state_[1];
        state_[1] ^= state_[2];
        state_[0] ^= state_[3];
        state_[2] ^= t;
        state_[3] = rotate(state_[3], 45);
        return result;
    }
    // 0 .. n-1; 0 for n == 0. The bias is beyond notice for the small n used here.
    std::uint64_t below(std::uint64_t n) { return n == 0 ? 0 : next() % n; }
    std::uint64_t between(std::uint64_t least, std::uint64_t most) { return least + below(most - least + 1); }
    // True once in n times; never for 0.
    bool one_in(std::uint64_t n) { return n != 0 && below(n) == 0; }
    bool per_mille(std::uint64_t chance) { return below(1000) < chance; }
    // Evenly spread over the orders of magnitude: short is as likely as long.
    std::uint64_t magnitude(std::uint64_t least, std::uint64_t most) {
        std::uint64_t top = least == 0 ? 1 : least;
        std::uint64_t doublings = 0;
        while (top < most) top *= 2, ++doublings;
        const std::uint64_t from = (least == 0 ? 1 : least) << below(doublings + 1);
        const std::uint64_t drawn = from + below(from);
        return drawn < least ? least : drawn > most ? most : drawn;
    }
    // An independent stream: drawing more from one does not change the other.
    Random fork() { return Random(next()); }
    void fill(MutableBytes out) {
        for (auto& byte : out) byte = static_cast<std::byte>(next() & 0xFF);
    }
    Buffer bytes(std::size_t size) {
        Buffer out(size);
        fill(out);
        return out;
    }

  private:
    static std::uint64_t rotate(std::uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }
    static std::uint64_t splitmix(std::uint64_t& x) {
        x += 0x9E3779B97F4A7C15ull;
        std::uint64_t z = x;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
        return z ^ (z >> 31);
    }
    std::array<std::uint64_t, 4> state_{};
};

// Folds values into one number that tells two runs apart.
class Fingerprint {
  public:
    void add(std::uint64_t value) {
        hash_ ^= value;
        hash_ *= 0x9E3779B97F4A7C15ull;
        hash_ ^= hash_ >> 29;
    }
    void add(ByteView bytes) {
        add(bytes.size());
        std::size_t at = 0;
        for (; at + sizeof(std::uint64_t) <= bytes.size(); at += sizeof(std::uint64_t)) {
            std::uint64_t word;
            __builtin_memcpy(&word, bytes.data() + at, sizeof word);
            add(word);
        }
        for (; at < bytes.size(); ++at) add(static_cast<std::uint64_t>(bytes[at]));
    }
    std::uint64_t value() const { return hash_; }

  private:
    std::uint64_t hash_ = 0x243F6A8885A308D3ull;
};

}  // namespace sedge::sim
