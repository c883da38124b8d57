#include "node/io/segment_scan.h"

#include <algorithm>

namespace sedge::node {
namespace {

// A window that was left behind by a short hop is worth reading ahead; after a long hop only the header is wanted.
constexpr std::size_t kLargeWindowBytes = 256u << 10;
constexpr std::size_t kSmallWindowBytes = 4096;

// Values follow each other with a few tree pages between them. So long a stretch without one is the unused rest of the file (a recycled
// one is full of old data there), and more than any run of damaged headers that leaves something behind it worth looking for.
constexpr std::uint64_t kGiveUpBytes = 64u << 20;

std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) { return (value + unit - 1) / unit * unit; }

}  // namespace

ByteView EntryWalker::peek(std::uint64_t at, std::size_t size) {
    if (at < window_at_ || at + size > window_at_ + window_.size()) {
        const bool near = at >= last_miss_ && at - last_miss_ <= kLargeWindowBytes;
        last_miss_ = at;
        window_.resize(std::max(size, near ? kLargeWindowBytes : kSmallWindowBytes));
        const std::int64_t got = file_.read_at(at, window_);
        window_.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
        window_at_ = at;
        if (window_.size() < size) return {};
    }
    return ByteView(window_).subspan(static_cast<std::size_t>(at - window_at_), size);
}

bool EntryWalker::walk(const ScannedValue& value,
                       const std::function<bool(const EntryHeader&, std::uint64_t payload_at)>& visit) {
    const std::uint64_t end = value.position + value.header.size_bytes;
    std::uint64_t at = value.position + kValueHeaderBytes;
    for (std::uint32_t i = 0; i < value.header.entry_count; ++i) {
        if (at + kEntryHeaderBytes > end) return false;
        const auto entry = read_entry_header(peek(at, kEntryHeaderBytes));
        if (!entry || entry->payload_bytes > end - at - kEntryHeaderBytes || entry->stored_bytes() > end - at) return false;
        if (!visit(*entry, at + kEntryHeaderBytes)) return true;
        at += entry->stored_bytes();
    }
    return at == end;
}

bool value_is_intact(const File& file, const ScannedValue& value) {
    EntryWalker walker(file);
    bool intact = true;
    const bool filled = walker.walk(value, [&](const EntryHeader& entry, std::uint64_t at) {
        Buffer payload(static_cast<std::size_t>(entry.payload_bytes));
        intact = file.read_at(at, payload) == static_cast<std::int64_t>(payload.size()) && payload_is_intact(entry, payload);
        return intact;
    });
    return filled && intact;
}

ScanResult scan_segment(const File& file, std::size_t page_bytes, std::uint64_t nonce) {
    ScanResult result;
    EntryWalker reader(file);
    const std::uint64_t size = file.size_bytes();
    for (std::uint64_t page_at = 2 * page_bytes; page_at + page_bytes <= size && page_at - result.used_bytes < kGiveUpBytes;) {
        const std::uint64_t at = page_at + kLmdbPageHeaderBytes;
        const ByteView bytes = reader.peek(at, kValueHeaderBytes);
        if (bytes.empty()) {
            result.read_failed = true;
            break;
        }
        const auto header = read_value_header(bytes);
        if (nonce == 0 && header) nonce = header->segment_nonce;
        const bool ours = header && header->segment_nonce == nonce && header->size_bytes >= kValueHeaderBytes &&
                          header->size_bytes <= size - at;
        if (!ours) {
            page_at += page_bytes;
            continue;
        }
        result.values.push_back({*header, at});
        page_at += round_up(kLmdbPageHeaderBytes + header->size_bytes, page_bytes);
        result.used_bytes = page_at;
    }
    std::sort(result.values.begin(), result.values.end(),
              [](const ScannedValue& a, const ScannedValue& b) { return a.header.sequence < b.header.sequence; });
    return result;
}

}  // namespace sedge::node
