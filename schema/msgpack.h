// A small msgpack writer and a hostile-input reader (https://github.com/msgpack/msgpack/blob/master/spec.md).
// By hand, because a request's header is read for every record of a client that does not batch: 3 ns against 19 to 69.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "schema/bytes.h"

namespace sedge {

// Appends to a buffer that it does not own. Integers take the shortest form.
class MsgpackWriter {
  public:
    explicit MsgpackWriter(Buffer& out) : out_(out) {}
    void nil();
    void boolean(bool value);
    void uint(std::uint64_t value);
    void sint(std::int64_t value);
    void real(double value);
    void str(std::string_view text);
    void bin(ByteView bytes);
    void array(std::uint32_t size);
    void map(std::uint32_t size);  // followed by `size` keys, each with its value

  private:
    Buffer& out_;
};

// Reads from bytes that outlive it; views that it returns point into them. Never reads beyond the end, never allocates.
// Each read answers nullopt, and the reader stays failed(), if the next value is not of that type or is cut short.
class MsgpackReader {
  public:
    explicit MsgpackReader(ByteView bytes) : begin_(bytes.data()), at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

    enum class Type : std::uint8_t { nil, boolean, uint, negative, real, str, bin, array, map, ext, none };
    Type peek() const;  // none: at the end, or failed

    bool nil();  // true and moves on if the next value is nil; otherwise false, and nothing moves or fails
    std::optional<bool> boolean();
    std::optional<std::uint64_t> uint();
    std::optional<std::int64_t> sint();
    std::optional<double> real();
    std::optional<std::string_view> str();
    std::optional<ByteView> bin();     // bin only
    std::optional<ByteView> blob();    // bin or str: what clients in languages without a byte type send
    std::optional<std::uint32_t> array();  // its size, never more than the bytes that are left
    std::optional<std::uint32_t> map();
    // The same into `out`, and whether it was there: what the busiest loops use, since compilers keep `out` in a register.
    bool read_uint(std::uint64_t& out);
    bool read_sint(std::int64_t& out);
    bool read_str(std::string_view& out);
    bool read_blob(ByteView& out);
    bool read_array(std::uint32_t& out);
    bool read_map(std::uint32_t& out);
    bool skip();  // over one value of any type, nested at most limits::kMaxMsgpackDepth deep

    bool failed() const { return failed_; }
    bool at_end() const { return at_ == end_; }
    std::size_t position() const { return static_cast<std::size_t>(at_ - begin_); }
    ByteView rest() const { return {at_, static_cast<std::size_t>(end_ - at_)}; }

  private:
    std::nullopt_t fail();
    std::optional<std::uint64_t> tagged(std::size_t width);  // the number of `width` bytes behind the tag
    std::optional<ByteView> sized(std::uint64_t size);
    std::optional<std::uint32_t> count(std::uint8_t fix, std::uint8_t tag16, std::size_t bytes_each);
    bool skip_nested(int depth);
    bool skip_ext();

    const std::byte* begin_;
    const std::byte* at_;
    const std::byte* end_;
    bool failed_ = false;
};

// Nearly every value of a request's header and of a record has a short form, which is read inline.

inline bool MsgpackReader::nil() {
    constexpr std::byte kNil{0xC0};
    if (failed_ || at_ == end_ || *at_ != kNil) return false;
    ++at_;
    return true;
}

inline bool MsgpackReader::read_uint(std::uint64_t& out) {
    constexpr std::byte kAboveFixInt{0x80};
    if (!failed_ && at_ != end_ && *at_ < kAboveFixInt) {
        out = std::to_integer<std::uint64_t>(*at_++);
        return true;
    }
    const auto value = uint();
    if (value) out = *value;
    return value.has_value();
}

inline bool MsgpackReader::read_sint(std::int64_t& out) {
    constexpr std::byte kAboveFixInt{0x80};
    if (!failed_ && at_ != end_ && *at_ < kAboveFixInt) {
        out = std::to_integer<std::int64_t>(*at_++);
        return true;
    }
    const auto value = sint();
    if (value) out = *value;
    return value.has_value();
}

inline bool MsgpackReader::read_str(std::string_view& out) {
    constexpr std::byte kFixStr{0xA0}, kFixStrTag{0xE0}, kFixStrSize{0x1F};
    if (!failed_ && at_ != end_ && (*at_ & kFixStrTag) == kFixStr) {
        const auto size = std::to_integer<std::ptrdiff_t>(*at_ & kFixStrSize);
        if (end_ - at_ > size) {
            out = {reinterpret_cast<const char*>(at_ + 1), static_cast<std::size_t>(size)};
            at_ += size + 1;
            return true;
        }
    }
    const auto text = str();
    if (text) out = *text;
    return text.has_value();
}

inline bool MsgpackReader::read_blob(ByteView& out) {
    constexpr std::byte kBin8{0xC4};
    constexpr std::ptrdiff_t kTagAndSize = 2;
    if (!failed_ && end_ - at_ >= kTagAndSize && *at_ == kBin8) {
        const auto size = std::to_integer<std::ptrdiff_t>(at_[1]);
        if (end_ - at_ >= size + kTagAndSize) {
            out = {at_ + kTagAndSize, static_cast<std::size_t>(size)};
            at_ += size + kTagAndSize;
            return true;
        }
    }
    const auto bytes = blob();
    if (bytes) out = *bytes;
    return bytes.has_value();
}

inline bool MsgpackReader::read_array(std::uint32_t& out) {
    constexpr std::byte kFixArray{0x90}, kFixArrayTag{0xF0}, kFixArraySize{0x0F};
    if (!failed_ && at_ != end_ && (*at_ & kFixArrayTag) == kFixArray) {
        const auto size = std::to_integer<std::uint32_t>(*at_ & kFixArraySize);
        if (end_ - at_ > static_cast<std::ptrdiff_t>(size)) {
            out = size;
            ++at_;
            return true;
        }
    }
    const auto size = array();
    if (size) out = *size;
    return size.has_value();
}

inline bool MsgpackReader::read_map(std::uint32_t& out) {
    constexpr std::byte kFixMap{0x80}, kFixMapTag{0xF0}, kFixMapSize{0x0F};
    if (!failed_ && at_ != end_ && (*at_ & kFixMapTag) == kFixMap) {
        const auto pairs = std::to_integer<std::uint32_t>(*at_ & kFixMapSize);
        if (end_ - at_ > 2 * static_cast<std::ptrdiff_t>(pairs)) {
            out = pairs;
            ++at_;
            return true;
        }
    }
    const auto size = map();
    if (size) out = *size;
    return size.has_value();
}

}  // namespace sedge
