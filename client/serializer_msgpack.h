// Serializers for everything that msgpack-cxx can pack: structs with MSGPACK_DEFINE get theirs by themselves, other types (numbers,
// containers, adapted classes) by name: MsgpackSerializer<std::vector<int>>.
#pragma once

#include <exception>
#include <msgpack.hpp>

#include "client/serializer.h"

namespace sedge {

template <class T>
struct MsgpackSerializer {
    void operator()(const T& value, Buffer& out) const {
        struct Sink {
            Buffer& out;
            void write(const char* bytes, std::size_t size) {
                const auto view = as_bytes(std::string_view(bytes, size));
                out.insert(out.end(), view.begin(), view.end());
            }
        } sink{out};
        msgpack::pack(sink, value);
    }
};

template <class T>
struct MsgpackDeserializer {
    // More nesting, or more elements than there are bytes, is refused before memory is taken for it.
    Result<T> operator()(ByteView bytes) const {
        constexpr std::size_t kMaxDepth = 32;
        try {
            const msgpack::unpack_limit limit(bytes.size(), bytes.size(), bytes.size(), bytes.size(), bytes.size(), kMaxDepth);
            const auto text = as_text(bytes);
            const auto handle = msgpack::unpack(text.data(), text.size(), nullptr, nullptr, limit);
            return handle.get().template as<T>();
        } catch (const std::exception& error) {
            return Status{ErrorCode::bad_request, std::string("the bytes are not the msgpack that was expected: ") + error.what()};
        }
    }
};

template <class T>
concept HasMsgpackDefine = requires(const T& value, msgpack::packer<msgpack::sbuffer>& packer) { value.msgpack_pack(packer); };

template <HasMsgpackDefine T>
struct Serializer<T> : MsgpackSerializer<T> {};
template <HasMsgpackDefine T>
struct Deserializer<T> : MsgpackDeserializer<T> {};

}  // namespace sedge
