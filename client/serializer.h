// Values as bytes and back: a Serializer and a Deserializer are types, chosen when the program is compiled.
//
//     template <> struct sedge::Serializer<Reading> { void operator()(const Reading&, Buffer& out) const; };
//     template <> struct sedge::Deserializer<Reading> { Result<Reading> operator()(ByteView) const; };
//
// Here are those for bytes and text. serializer_msgpack.h has them for every struct with MSGPACK_DEFINE, serializer_json.h for JSON.
#pragma once

#include <string>
#include <utility>

#include "client/consumer.h"
#include "client/producer.h"
#include "schema/bytes.h"
#include "schema/status.h"

namespace sedge {

// Appends a value's bytes to `out`.
template <class T>
struct Serializer;

// Reads a value from bytes that may be hostile: bad_request, with what is wrong, if they are none.
template <class T>
struct Deserializer;

template <>
struct Serializer<Buffer> {
    void operator()(const Buffer& value, Buffer& out) const { out.insert(out.end(), value.begin(), value.end()); }
};
template <>
struct Deserializer<Buffer> {
    Result<Buffer> operator()(ByteView bytes) const { return Buffer(bytes.begin(), bytes.end()); }
};

template <>
struct Serializer<std::string> {
    void operator()(const std::string& value, Buffer& out) const {
        const auto bytes = as_bytes(value);
        out.insert(out.end(), bytes.begin(), bytes.end());
    }
};
template <>
struct Deserializer<std::string> {
    Result<std::string> operator()(ByteView bytes) const { return std::string(as_text(bytes)); }
};

// Publishes values of one type under keys of another; what Producer promises holds here, too. Not thread-safe: it reuses its memory.
template <class Key, class Value, class KeySerializer = Serializer<Key>, class ValueSerializer = Serializer<Value>>
class TypedProducer {
  public:
    // `producer` outlives this.
    explicit TypedProducer(Producer& producer, KeySerializer key = {}, ValueSerializer value = {})
        : producer_(producer), key_serializer_(std::move(key)), value_serializer_(std::move(value)) {}

    Status send(std::string_view topic, const Key& key, const Value& value, DeliveryCallback done = {}) {
        key_.clear();
        value_.clear();
        key_serializer_(key, key_);
        value_serializer_(value, value_);
        ProducerRecord record;
        record.topic = topic;
        record.key = key_;
        record.value = value_;
        return producer_.send(record, std::move(done));
    }

  private:
    Producer& producer_;
    KeySerializer key_serializer_;
    ValueSerializer value_serializer_;
    Buffer key_;
    Buffer value_;
};

// The value of a record; bad_request if it has none or does not parse.
template <class T, class D = Deserializer<T>>
Result<T> value_of(const ConsumerRecord& record, const D& deserializer = {}) {
    if (!record.value) return Status{ErrorCode::bad_request, "the record has no value"};
    return deserializer(*record.value);
}
template <class T, class D = Deserializer<T>>
Result<T> key_of(const ConsumerRecord& record, const D& deserializer = {}) {
    if (!record.key) return Status{ErrorCode::bad_request, "the record has no key"};
    return deserializer(*record.key);
}

}  // namespace sedge
