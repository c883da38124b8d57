// The position of an api in RequestBody, which decode_response wants to know.
#pragma once

#include <cstddef>
#include <type_traits>
#include <variant>

#include "schema/request.h"

namespace sedge::sim {

template <class Api, std::size_t I = 0>
constexpr std::size_t api_index() {
    if constexpr (std::is_same_v<std::variant_alternative_t<I, RequestBody>, Api>)
        return I;
    else
        return api_index<Api, I + 1>();
}

}  // namespace sedge::sim
