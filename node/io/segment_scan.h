// Reads a segment file from end to end without LMDB, by hopping over its own headers. Whatever the file holds, this ends, stays within
// its buffers, and says what it found.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "node/io/file.h"
#include "node/io/segment_format.h"

namespace sedge::node {

// A value found in a segment, and where its first entry begins.
struct ScannedValue {
    ValueHeader header;
    std::uint64_t position = 0;  // of the value header in the file
};

struct ScanResult {
    std::vector<ScannedValue> values;  // by rising sequence
    std::uint64_t used_bytes = 0;      // the end of the last value's pages
    bool read_failed = false;          // the disk refused; nothing is known about what could not be read
};

// All values with this nonce. A nonce of 0 takes the first value's.
ScanResult scan_segment(const File& file, std::size_t page_bytes, std::uint64_t nonce);

// Walks the entries of one value. visit(header, position of the payload); false stops. Answers false when the entries do not fill the
// value as its header says, which is damage; entries before that point have been visited.
class EntryWalker {
  public:
    explicit EntryWalker(const File& file) : file_(file) {}
    bool walk(const ScannedValue& value, const std::function<bool(const EntryHeader&, std::uint64_t payload_at)>& visit);
    // Bytes of the file through the walker's window: valid until the next call. Empty when they are not there.
    ByteView peek(std::uint64_t at, std::size_t size);

  private:
    const File& file_;
    Buffer window_;
    std::uint64_t window_at_ = 0;
    std::uint64_t last_miss_ = 0;
};

// Is every payload of this value intact?
bool value_is_intact(const File& file, const ScannedValue& value);

}  // namespace sedge::node
