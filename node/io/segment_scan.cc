#include "node/io/segment_scan.h"

#include <algorithm>

#include "schema/little_endian.h"

namespace sedge::node {
namespace {

// A window that was left behind by a short hop is worth reading ahead; after a long hop only the header is wanted.
constexpr std::size_t kLargeWindowBytes = 256u << 10;
constexpr std::size_t kSmallWindowBytes = 4096;

// How far behind the end that LMDB's meta pages tell a value may begin: they may be one commit behind, and each commit takes a few tree pages.
constexpr std::uint64_t kBeyondBytes = 1u << 20;
constexpr std::size_t kMetaPages = 2;

// No value is as large: LMDB stores less than 4 GB. Keeps sums of sizes from overflowing.
constexpr std::uint64_t kMaxValueBytes = std::uint64_t{1} << 32;

std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) { return (value + unit - 1) / unit * unit; }

// Up to where LMDB has written, by the later of its two meta pages; 0 if neither can be believed. It only bounds a search.
std::uint64_t lmdb_end(FileWindow& window, std::size_t page_bytes, std::uint64_t file_bytes) {
    constexpr std::uint32_t kLmdbMagic = 0xBEEFC0DE;
    constexpr std::size_t kMagicAt = 16, kLastPageAt = 136, kMetaBytes = 152;  // page header, then MDB_meta
    std::uint64_t end = 0;
    for (std::size_t i = 0; i < kMetaPages; ++i) {
        const ByteView meta = window.peek(i * page_bytes, kMetaBytes);
        if (meta.empty() || load_le<std::uint32_t>(meta, kMagicAt) != kLmdbMagic) continue;
        const auto last_page = load_le<std::uint64_t>(meta, kLastPageAt);
        if (last_page < file_bytes / page_bytes) end = std::max(end, (last_page + 1) * page_bytes);
    }
    return end;
}

}  // namespace

bool FileWindow::load(std::uint64_t at, std::size_t size) {
    window_.resize(size);
    const std::int64_t got = file_.read_at(at, window_);
    read_failed_ = got < 0;
    window_.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    window_at_ = at;
    return !read_failed_;
}

ByteView FileWindow::peek(std::uint64_t at, std::size_t size) {
    if (at < window_at_ || at + size > window_at_ + window_.size()) {
        const bool near = at >= last_miss_ && at - last_miss_ <= kLargeWindowBytes;
        last_miss_ = at;
        read_failed_ = false;
        if (size > kLargeWindowBytes && at + size > file_.size_bytes()) return {};  // whatever a damaged header asks for
        // One bad sector must not hide what lies beside it.
        if (!load(at, std::max(size, near ? kLargeWindowBytes : kSmallWindowBytes))) load(at, size);
        if (window_.size() < size) return {};
    }
    return ByteView(window_).subspan(static_cast<std::size_t>(at - window_at_), size);
}

std::optional<EntryHeader> EntryWalker::entry_at(std::uint64_t at, std::uint64_t end) {
    if (end - at < kEntryHeaderBytes) return std::nullopt;
    const auto entry = read_entry_header(window_.peek(at, kEntryHeaderBytes), nonce_);
    const std::uint64_t room = end - at - kEntryHeaderBytes;
    if (!entry || entry->payload_bytes > room || entry->stored_bytes() > end - at) return std::nullopt;
    return entry;
}

bool EntryWalker::walk(const ScannedValue& value,
                       const std::function<bool(const EntryHeader&, std::uint64_t payload_at)>& visit) {
    std::uint32_t found = 0;
    bool whole = true;
    for (std::uint64_t at = value.position + kValueHeaderBytes; at < value.end();) {
        const auto entry = entry_at(at, value.end());
        if (!entry) {
            whole = false;
            if (window_.peek(at, kEntryAlignment).empty() && !window_.read_failed()) break;  // the file ends here
            at += window_.read_failed() ? kSmallWindowBytes : kEntryAlignment;
            continue;
        }
        if (!visit(*entry, at + kEntryHeaderBytes)) return true;
        ++found;
        at += entry->stored_bytes();
    }
    return whole && found == value.header.entry_count;
}

bool value_is_intact(const File& file, const ScannedValue& value) {
    EntryWalker walker(file, value.header.segment_nonce);
    bool intact = true;
    const bool filled = walker.walk(value, [&](const EntryHeader& entry, std::uint64_t at) {
        intact = at + entry.payload_bytes <= file.size_bytes();
        if (!intact) return false;
        Buffer payload(static_cast<std::size_t>(entry.payload_bytes));
        intact = file.read_at(at, payload) == static_cast<std::int64_t>(payload.size()) && payload_is_intact(entry, payload);
        return intact;
    });
    return filled && intact;
}

ScanResult scan_segment(const File& file, std::size_t page_bytes, std::uint64_t id, std::uint64_t nonce, std::uint64_t end) {
    ScanResult result;
    FileWindow window(file);
    const std::uint64_t size = file.size_bytes();
    const std::uint64_t told = lmdb_end(window, page_bytes, size);
    const auto looks_on = [&](std::uint64_t page_at) {
        if (page_at + page_bytes > size) return false;
        if (end != 0) return page_at < end;
        return told == 0 || page_at < std::max(told, result.used_bytes) + kBeyondBytes;
    };
    for (std::uint64_t page_at = kMetaPages * page_bytes; looks_on(page_at);) {
        const std::uint64_t at = page_at + kLmdbPageHeaderBytes;
        const ByteView bytes = window.peek(at, kValueHeaderBytes);
        if (bytes.empty() && window.read_failed()) result.unreadable_bytes += page_bytes;
        const auto header = read_value_header(bytes);
        if (nonce == 0 && header && header->segment_id == id) nonce = header->segment_nonce;
        // One that ends behind the end of the file is ours too: what is left of it can be read.
        if (!header || header->segment_nonce != nonce || header->size_bytes < kValueHeaderBytes || header->size_bytes > kMaxValueBytes) {
            page_at += page_bytes;
            continue;
        }
        result.values.push_back({*header, at});
        page_at += round_up(kLmdbPageHeaderBytes + header->size_bytes, page_bytes);
        result.used_bytes = page_at;
    }
    const auto by_sequence = [](const ScannedValue& a, const ScannedValue& b) { return a.header.sequence < b.header.sequence; };
    std::stable_sort(result.values.begin(), result.values.end(), by_sequence);
    const auto same = [](const ScannedValue& a, const ScannedValue& b) { return a.header.sequence == b.header.sequence; };
    result.values.erase(std::unique(result.values.begin(), result.values.end(), same), result.values.end());
    return result;
}

}  // namespace sedge::node
