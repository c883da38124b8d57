// Serializers for JSON by nlohmann: of nlohmann::json itself, and of every type that it can convert (NLOHMANN_DEFINE_TYPE_INTRUSIVE
// and the like) by name: JsonSerializer<Reading>.
#pragma once

#include <nlohmann/json.hpp>

#include "client/serializer.h"

namespace sedge {

template <class T>
struct JsonSerializer {
    void operator()(const T& value, Buffer& out) const {
        const auto text = nlohmann::json(value).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
        const auto bytes = as_bytes(text);
        out.insert(out.end(), bytes.begin(), bytes.end());
    }
};

template <class T>
struct JsonDeserializer {
    Result<T> operator()(ByteView bytes) const {
        try {
            return nlohmann::json::parse(as_text(bytes)).template get<T>();
        } catch (const nlohmann::json::exception& error) {
            return Status{ErrorCode::bad_request, std::string("the bytes are not the JSON that was expected: ") + error.what()};
        }
    }
};

template <>
struct Serializer<nlohmann::json> : JsonSerializer<nlohmann::json> {};
template <>
struct Deserializer<nlohmann::json> : JsonDeserializer<nlohmann::json> {};

}  // namespace sedge
