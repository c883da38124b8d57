// Reads a segment file from end to end without LMDB, by hopping over its own headers. Whatever the file holds, this ends, stays within
// its buffers, and says what it found.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "node/io/file.h"
#include "node/io/segment_format.h"

namespace sedge::node {

// A value found in a segment, and where it begins.
struct ScannedValue {
    ValueHeader header;
    std::uint64_t position = 0;  // of the value header in the file

    std::uint64_t end() const { return position + header.size_bytes; }
};

struct ScanResult {
    std::vector<ScannedValue> values;      // by rising sequence, each once
    std::uint64_t used_bytes = 0;          // the end of the last value's pages
    std::uint64_t unreadable_bytes = 0;    // the disk refused to read them
};

// All values of this segment; a nonce of 0 takes the one of the first value that names the id. `end`: where the values of a sealed segment
// end. 0: not known: looks as far as LMDB says that it wrote and a way beyond, or everywhere if that cannot be read.
ScanResult scan_segment(const File& file, std::size_t page_bytes, std::uint64_t id, std::uint64_t nonce, std::uint64_t end = 0);

// Views of a file through a window that grows when it moves on in small steps, and stays small when it hops.
class FileWindow {
  public:
    explicit FileWindow(const File& file) : file_(file) {}
    // Valid until the next call. Empty when the bytes are not there or cannot be read.
    ByteView peek(std::uint64_t at, std::size_t size);
    bool read_failed() const { return read_failed_; }  // the last empty answer was the disk's refusal

  private:
    bool load(std::uint64_t at, std::size_t size);
    const File& file_;
    Buffer window_;
    std::uint64_t window_at_ = 0;
    std::uint64_t last_miss_ = 0;
    bool read_failed_ = false;
};

// Walks the entries of values.
class EntryWalker {
  public:
    EntryWalker(const File& file, std::uint64_t nonce) : window_(file), nonce_(nonce) {}
    // visit(header, position of the payload) for each entry in order; false stops. Behind a damaged header it goes on at the next one that
    // is whole. Answers false when the headers found do not fill the value as it says, which is damage.
    bool walk(const ScannedValue& value, const std::function<bool(const EntryHeader&, std::uint64_t payload_at)>& visit);
    ByteView peek(std::uint64_t at, std::size_t size) { return window_.peek(at, size); }

  private:
    std::optional<EntryHeader> entry_at(std::uint64_t at, std::uint64_t end);
    FileWindow window_;
    const std::uint64_t nonce_;
};

// Is every entry of this value there and intact?
bool value_is_intact(const File& file, const ScannedValue& value);

}  // namespace sedge::node
