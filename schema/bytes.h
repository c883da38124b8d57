// Views of bytes, and a shared buffer that lets one received message be logged, cached and sent without a copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sedge {

using ByteView = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;
using Buffer = std::vector<std::byte>;

inline ByteView as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Immutable bytes with shared ownership. Copying shares; the last copy frees. Safe to destroy on any thread.
class SharedBytes {
  public:
    SharedBytes() = default;
    // `owner` keeps `view` alive.
    SharedBytes(std::shared_ptr<const void> owner, ByteView view) : owner_(std::move(owner)), view_(view) {}

    static SharedBytes copy_of(ByteView bytes) { return take(Buffer(bytes.begin(), bytes.end())); }
    static SharedBytes take(Buffer buffer) {
        auto owner = std::make_shared<const Buffer>(std::move(buffer));
        const ByteView view(*owner);
        return SharedBytes(std::move(owner), view);
    }

    ByteView view() const { return view_; }
    std::size_t size() const { return view_.size(); }
    bool empty() const { return view_.empty(); }
    const std::shared_ptr<const void>& owner() const { return owner_; }
    // A part of these bytes that shares their ownership.
    SharedBytes part(std::size_t from, std::size_t size) const { return {owner_, view_.subspan(from, size)}; }

  private:
    std::shared_ptr<const void> owner_;
    ByteView view_;
};

}  // namespace sedge
