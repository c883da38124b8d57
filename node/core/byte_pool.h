// Small batches side by side in shared chunks: with many partitions a turn makes hundreds of them, and an allocation or two for each would
// cost more than the copy. A chunk lives until the last batch in it is forgotten; they leave the recent cache in the order of their coming.
#pragma once

#include <cstring>
#include <memory>

#include "schema/bytes.h"

namespace sedge::node {

class BytePool {
  public:
    // Larger ones have memory of their own.
    static constexpr std::size_t kLargestBytes = 4096;

    // A copy of `bytes`. Requires at most kLargestBytes.
    SharedBytes copy(ByteView bytes) {
        constexpr std::size_t kChunkBytes = 64u << 10;
        if (chunk_ == nullptr || kChunkBytes - used_ < bytes.size()) {
            chunk_ = std::shared_ptr<std::byte[]>(std::make_unique<std::byte[]>(kChunkBytes));
            used_ = 0;
        }
        std::byte* const place = chunk_.get() + used_;
        std::memcpy(place, bytes.data(), bytes.size());
        used_ += bytes.size();
        return {chunk_, ByteView(place, bytes.size())};
    }

  private:
    std::shared_ptr<std::byte[]> chunk_;
    std::size_t used_ = 0;
};

}  // namespace sedge::node
