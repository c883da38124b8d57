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

}  // namespace sedge
