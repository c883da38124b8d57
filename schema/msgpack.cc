#include "schema/msgpack.h"

#include <bit>
#include <cstring>

#include "schema/limits.h"

namespace sedge {
namespace {

// The format's tags that are not ranges (fix types are: 00-7f, 80-8f, 90-9f, a0-bf, e0-ff).
enum Tag : std::uint8_t {
    kNil = 0xC0, kNeverUsed = 0xC1, kFalse = 0xC2, kTrue = 0xC3, kBin8 = 0xC4, kBin16 = 0xC5, kBin32 = 0xC6,
    kExt8 = 0xC7, kExt16 = 0xC8, kExt32 = 0xC9, kFloat32 = 0xCA, kFloat64 = 0xCB, kUint8 = 0xCC, kUint16 = 0xCD,
    kUint32 = 0xCE, kUint64 = 0xCF, kInt8 = 0xD0, kInt16 = 0xD1, kInt32 = 0xD2, kInt64 = 0xD3, kFixExt1 = 0xD4,
    kFixExt16 = 0xD8, kStr8 = 0xD9, kStr16 = 0xDA, kStr32 = 0xDB, kArray16 = 0xDC, kArray32 = 0xDD, kMap16 = 0xDE,
    kMap32 = 0xDF,
};

void append_tagged(Buffer& out, std::uint8_t tag, std::uint64_t value, unsigned width) {
    std::byte bytes[9];
    bytes[0] = static_cast<std::byte>(tag);
    for (unsigned i = 0; i < width; ++i) bytes[width - i] = static_cast<std::byte>(value >> (8 * i) & 0xFF);
    out.insert(out.end(), bytes, bytes + width + 1);
}

// `tag8`, `tag16`, `tag32`: for sizes of that width; 0 where the format has none.
void append_size(Buffer& out, std::size_t size, std::uint8_t tag8, std::uint8_t tag16, std::uint8_t tag32) {
    if (tag8 != 0 && size <= UINT8_MAX)
        append_tagged(out, tag8, size, 1);
    else if (size <= UINT16_MAX)
        append_tagged(out, tag16, size, 2);
    else
        append_tagged(out, tag32, size, 4);
}

void append_bytes(Buffer& out, ByteView bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

std::uint64_t big_endian(const std::byte* at, std::size_t width) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < width; ++i) value = value << 8 | std::to_integer<std::uint64_t>(at[i]);
    return value;
}

}  // namespace

void MsgpackWriter::nil() { out_.push_back(std::byte{kNil}); }
void MsgpackWriter::boolean(bool value) { out_.push_back(std::byte{value ? kTrue : kFalse}); }

void MsgpackWriter::uint(std::uint64_t value) {
    if (value < 0x80)
        out_.push_back(static_cast<std::byte>(value));
    else if (value <= UINT8_MAX)
        append_tagged(out_, kUint8, value, 1);
    else if (value <= UINT16_MAX)
        append_tagged(out_, kUint16, value, 2);
    else if (value <= UINT32_MAX)
        append_tagged(out_, kUint32, value, 4);
    else
        append_tagged(out_, kUint64, value, 8);
}

void MsgpackWriter::sint(std::int64_t value) {
    const auto bits = static_cast<std::uint64_t>(value);
    if (value >= 0)
        uint(bits);
    else if (value >= -32)
        out_.push_back(static_cast<std::byte>(bits & 0xFF));
    else if (value >= INT8_MIN)
        append_tagged(out_, kInt8, bits, 1);
    else if (value >= INT16_MIN)
        append_tagged(out_, kInt16, bits, 2);
    else if (value >= INT32_MIN)
        append_tagged(out_, kInt32, bits, 4);
    else
        append_tagged(out_, kInt64, bits, 8);
}

void MsgpackWriter::real(double value) { append_tagged(out_, kFloat64, std::bit_cast<std::uint64_t>(value), 8); }

void MsgpackWriter::str(std::string_view text) {
    if (text.size() < 32)
        out_.push_back(static_cast<std::byte>(0xA0 | text.size()));
    else
        append_size(out_, text.size(), kStr8, kStr16, kStr32);
    append_bytes(out_, as_bytes(text));
}

void MsgpackWriter::bin(ByteView bytes) {
    append_size(out_, bytes.size(), kBin8, kBin16, kBin32);
    append_bytes(out_, bytes);
}

void MsgpackWriter::array(std::uint32_t size) {
    if (size < 16)
        out_.push_back(static_cast<std::byte>(0x90 | size));
    else
        append_size(out_, size, 0, kArray16, kArray32);
}

void MsgpackWriter::map(std::uint32_t size) {
    if (size < 16)
        out_.push_back(static_cast<std::byte>(0x80 | size));
    else
        append_size(out_, size, 0, kMap16, kMap32);
}

// --- Reading ---

MsgpackReader::Type MsgpackReader::peek() const {
    if (failed_ || at_ == end_) return Type::none;
    const auto tag = std::to_integer<std::uint8_t>(*at_);
    if (tag < 0x80 || (tag >= kUint8 && tag <= kUint64)) return Type::uint;
    if (tag >= 0xE0 || (tag >= kInt8 && tag <= kInt64)) return Type::negative;
    if (tag < 0x90 || tag == kMap16 || tag == kMap32) return Type::map;
    if (tag < 0xA0 || tag == kArray16 || tag == kArray32) return Type::array;
    if (tag < 0xC0 || (tag >= kStr8 && tag <= kStr32)) return Type::str;
    if (tag == kNil) return Type::nil;
    if (tag == kFalse || tag == kTrue) return Type::boolean;
    if (tag >= kBin8 && tag <= kBin32) return Type::bin;
    if (tag == kFloat32 || tag == kFloat64) return Type::real;
    if (tag == kNeverUsed) return Type::none;
    return Type::ext;
}

std::optional<std::uint64_t> MsgpackReader::tagged(std::size_t width) {
    if (static_cast<std::size_t>(end_ - at_) < width + 1) return fail();
    const std::uint64_t value = big_endian(at_ + 1, width);
    at_ += width + 1;
    return value;
}

std::optional<bool> MsgpackReader::boolean() {
    if (peek() != Type::boolean) return fail();
    return *at_++ == std::byte{kTrue};
}

std::optional<std::uint64_t> MsgpackReader::uint() {
    if (failed_ || at_ == end_) return fail();
    const auto tag = std::to_integer<std::uint8_t>(*at_);
    if (tag < 0x80) {
        ++at_;
        return tag;
    }
    if (tag >= kUint8 && tag <= kUint64) return tagged(std::size_t{1} << (tag - kUint8));
    // Some encoders write positive numbers as signed ones.
    if (tag < kInt8 || tag > kInt64) return fail();
    const auto value = sint();
    if (!value || *value < 0) return fail();
    return static_cast<std::uint64_t>(*value);
}

std::optional<std::int64_t> MsgpackReader::sint() {
    if (failed_ || at_ == end_) return fail();
    const auto tag = std::to_integer<std::uint8_t>(*at_);
    if (tag >= 0xE0) {
        ++at_;
        return static_cast<std::int8_t>(tag);
    }
    if (tag >= kInt8 && tag <= kInt64) {
        const auto value = tagged(std::size_t{1} << (tag - kInt8));
        if (!value) return std::nullopt;
        switch (tag) {
            case kInt8: return static_cast<std::int8_t>(*value);
            case kInt16: return static_cast<std::int16_t>(*value);
            case kInt32: return static_cast<std::int32_t>(*value);
            default: return static_cast<std::int64_t>(*value);
        }
    }
    const auto value = uint();
    if (!value || *value > INT64_MAX) return fail();
    return static_cast<std::int64_t>(*value);
}

std::optional<double> MsgpackReader::real() {
    if (peek() != Type::real) return fail();
    const bool wide = *at_ == std::byte{kFloat64};
    const auto bits = tagged(wide ? 8 : 4);
    if (!bits) return std::nullopt;
    if (wide) return std::bit_cast<double>(*bits);
    return std::bit_cast<float>(static_cast<std::uint32_t>(*bits));
}

std::optional<ByteView> MsgpackReader::sized(std::uint64_t size) {
    if (static_cast<std::uint64_t>(end_ - at_) < size) return fail();
    const ByteView view(at_, static_cast<std::size_t>(size));
    at_ += size;
    return view;
}

std::optional<std::string_view> MsgpackReader::str() {
    if (failed_ || at_ == end_) return fail();
    const auto tag = std::to_integer<std::uint8_t>(*at_);
    std::optional<std::uint64_t> size;
    if ((tag & 0xE0) == 0xA0) {
        ++at_;
        size = tag & 0x1F;
    } else if (tag >= kStr8 && tag <= kStr32) {
        size = tagged(std::size_t{1} << (tag - kStr8));
    }
    if (!size) return fail();
    const auto bytes = sized(*size);
    if (!bytes) return std::nullopt;
    return as_text(*bytes);
}

std::optional<ByteView> MsgpackReader::bin() {
    if (failed_ || at_ == end_) return fail();
    const auto tag = std::to_integer<std::uint8_t>(*at_);
    if (tag < kBin8 || tag > kBin32) return fail();
    const auto size = tagged(std::size_t{1} << (tag - kBin8));
    return size ? sized(*size) : std::nullopt;
}

std::optional<ByteView> MsgpackReader::blob() {
    if (peek() == Type::bin) return bin();
    const auto text = str();
    if (!text) return std::nullopt;
    return as_bytes(*text);
}

// An element takes a byte at least, so a larger count than that is a lie and nobody reserves memory for it.
std::optional<std::uint32_t> MsgpackReader::count(std::uint8_t fix, std::uint8_t tag16, std::size_t bytes_each) {
    if (failed_ || at_ == end_) return fail();
    const auto tag = std::to_integer<std::uint8_t>(*at_);
    std::optional<std::uint64_t> size;
    if ((tag & 0xF0) == fix) {
        ++at_;
        size = tag & 0x0F;
    } else if (tag == tag16) {
        size = tagged(2);
    } else if (tag == tag16 + 1) {
        size = tagged(4);
    }
    if (!size || *size * bytes_each > static_cast<std::size_t>(end_ - at_)) return fail();
    return static_cast<std::uint32_t>(*size);
}

std::optional<std::uint32_t> MsgpackReader::array() { return count(0x90, kArray16, 1); }
std::optional<std::uint32_t> MsgpackReader::map() { return count(0x80, kMap16, 2); }

bool MsgpackReader::skip() { return skip_nested(limits::kMaxMsgpackDepth); }

bool MsgpackReader::skip_nested(int depth) {
    switch (peek()) {
        case Type::nil: return nil();
        case Type::boolean: return boolean().has_value();
        case Type::uint: return uint().has_value();
        case Type::negative: return sint().has_value();
        case Type::real: return real().has_value();
        case Type::str: return str().has_value();
        case Type::bin: return bin().has_value();
        case Type::ext: return skip_ext();
        case Type::array:
        case Type::map: break;
        case Type::none: fail(); return false;
    }
    if (depth == 0) {
        fail();
        return false;
    }
    const bool is_map = peek() == Type::map;
    const auto size = is_map ? map() : array();
    if (!size) return false;
    for (std::uint64_t i = 0; i < std::uint64_t{*size} * (is_map ? 2 : 1); ++i)
        if (!skip_nested(depth - 1)) return false;
    return true;
}

bool MsgpackReader::skip_ext() {
    const auto tag = std::to_integer<std::uint8_t>(*at_);
    std::optional<std::uint64_t> size;
    if (tag >= kFixExt1 && tag <= kFixExt16) {
        ++at_;
        size = std::uint64_t{1} << (tag - kFixExt1);
    } else {
        size = tagged(std::size_t{1} << (tag - kExt8));
    }
    return size && sized(*size + 1).has_value();  // one byte of type
}

std::nullopt_t MsgpackReader::fail() {
    failed_ = true;
    return std::nullopt;
}

}  // namespace sedge
