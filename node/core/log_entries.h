// Payloads of the journal entries about logs that have replicas: one number each, little-endian.
#pragma once

#include <cstdint>
#include <optional>

#include "schema/bytes.h"
#include "schema/little_endian.h"

namespace sedge::node {

inline SharedBytes encode_number(std::uint64_t value) {
    Buffer bytes(sizeof value);
    store_le<std::uint64_t>(bytes, 0, value);
    return SharedBytes::take(std::move(bytes));
}

inline std::optional<std::uint64_t> decode_number(ByteView payload) {
    if (payload.size() != sizeof(std::uint64_t)) return std::nullopt;
    return load_le<std::uint64_t>(payload, 0);
}

}  // namespace sedge::node
