#include "node/io/segment_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "schema/record_batch.h"

namespace sedge::node {
namespace {

// One process, one writer, no LMDB readers: no lock file. Syncs are ours to place (one a commit).
constexpr unsigned kEnvFlags = MDB_NOSUBDIR | MDB_NOSYNC | MDB_NOLOCK | MDB_NOTLS | MDB_NOMEMINIT | MDB_NORDAHEAD;

// Groups below this, two in a row, are latency. A commit of LMDB dirties about five pages in as many places, and one sync of those takes
// 1.6 times as long as of one page. So a run of small groups gets an arena: one LMDB value of zeros, in whose pages the groups are then
// written directly, each with the header of a value of its own. Recovery and reads look at those headers only and see no difference;
// the zeros also mean that the blocks were written before, which halves a sync. Larger groups would write everything twice.
constexpr std::uint64_t kSmallBelowBytes = 16u << 10;
constexpr std::uint64_t kArenaBytes = 256u << 10;

// Values from here on that a sync will wait for are on their way to the disk while the next one of the group is copied.
constexpr std::uint64_t kWriteBehindBytes = 256u << 10;

// What a commit writes beside its value: a leaf and a branch of the tree, the same of the free list, and the meta page.
constexpr std::uint64_t kTreePagesPerCommit = 5;

// The most pages that a small group takes.
constexpr std::uint64_t arena_group_pages(std::uint64_t page_bytes) {
    return (kLmdbPageHeaderBytes + kSmallBelowBytes + page_bytes - 1) / page_bytes;
}

Status failed(const char* what, int code) { return {ErrorCode::storage_failed, std::string(what) + ": " + mdb_strerror(code)}; }

std::array<std::uint8_t, 8> key_of(std::uint64_t sequence) {
    std::array<std::uint8_t, 8> key{};
    for (std::size_t i = 0; i < 8; ++i) key[7 - i] = static_cast<std::uint8_t>(sequence >> (8 * i));
    return key;
}

std::uint32_t records_of(const JournalEntry& entry) {
    if (entry.type != EntryType::batch) return 0;
    const auto batch = parse_batch_header(entry.payload.view());
    return batch.ok() ? batch->count : 0;
}

void append_entry(MutableBytes value, std::uint64_t& at, const JournalEntry& entry, std::uint64_t nonce) {
    const ByteView payload = entry.payload.view();
    const EntryHeader header{entry.type, entry.partition, entry.base_offset, payload.size(), payload_crc(entry.type, payload),
                             records_of(entry)};
    write_entry_header(header, nonce, value.subspan(at));
    if (!payload.empty()) std::memcpy(value.data() + at + kEntryHeaderBytes, payload.data(), payload.size());
    const std::uint64_t padding = header.stored_bytes() - kEntryHeaderBytes - payload.size();
    std::memset(value.data() + at + kEntryHeaderBytes + payload.size(), 0, padding);
    at += header.stored_bytes();
}

// The bytes of a value: its header, its entries, and zeros up to the end of `out`. `value_at`: where it lies in the file.
void write_value(const ValueHeader& header, std::span<const JournalWrite> writes, std::uint64_t value_at, MutableBytes out,
                 SegmentWriter::Commit& done) {
    std::uint64_t at = kValueHeaderBytes;
    for (const JournalWrite& write : writes) {
        for (const JournalEntry& entry : write.entries) {
            const std::uint64_t entry_at = at;
            append_entry(out, at, entry, header.segment_nonce);
            if (entry.type == EntryType::batch)
                done.batches.push_back({entry.partition, value_at + entry_at, at - entry_at, entry.payload});
        }
    }
    std::memset(out.data() + at, 0, out.size() - at);
    write_value_header(header, out);
    done.value_bytes += header.size_bytes;
}

}  // namespace

std::size_t lmdb_page_bytes() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

Result<Buffer> empty_lmdb_pages(const std::string& directory, std::uint64_t map_bytes) {
    const std::string path = directory + "/empty.tmp";
    ::unlink(path.c_str());
    MDB_env* env = nullptr;
    int code = mdb_env_create(&env);
    if (code == 0) code = mdb_env_set_mapsize(env, map_bytes);
    if (code == 0) code = mdb_env_open(env, path.c_str(), kEnvFlags, 0640);
    if (env != nullptr) mdb_env_close(env);
    Buffer pages(2 * lmdb_page_bytes());
    if (code == 0) {
        const File file = File::open(path, O_RDONLY);
        if (!file.is_open() || file.read_at(0, pages) != static_cast<std::int64_t>(pages.size())) code = EIO;
    }
    ::unlink(path.c_str());
    if (code != 0) return failed("cannot make an LMDB file", code);
    return pages;
}

Result<std::unique_ptr<SegmentWriter>> SegmentWriter::open(const std::string& path, std::uint64_t id, std::uint64_t nonce,
                                                           std::uint64_t map_bytes) {
    MDB_env* env = nullptr;
    int code = mdb_env_create(&env);
    if (code != 0) return failed("cannot open a segment", code);
    std::unique_ptr<SegmentWriter> writer(new SegmentWriter(env, id, nonce));
    code = mdb_env_set_mapsize(env, map_bytes);
    if (code == 0) code = mdb_env_open(env, path.c_str(), kEnvFlags, 0640);
    if (code == 0) code = mdb_env_get_fd(env, &writer->descriptor_);
    MDB_txn* txn = nullptr;
    if (code == 0) code = mdb_txn_begin(env, nullptr, 0, &txn);
    if (code == 0) code = mdb_dbi_open(txn, nullptr, 0, &writer->database_);
    if (txn != nullptr) {
        if (code == 0)
            code = mdb_txn_commit(txn);
        else
            mdb_txn_abort(txn);
    }
    if (code != 0) return failed("cannot open a segment", code);
    writer->pages_.emplace(path, writer->descriptor_, writer->page_bytes_, arena_group_pages(writer->page_bytes_) * writer->page_bytes_);
    return writer;
}

SegmentWriter::SegmentWriter(MDB_env* env, std::uint64_t id, std::uint64_t nonce)
    : env_(env), id_(id), nonce_(nonce), page_bytes_(lmdb_page_bytes()) {}

SegmentWriter::~SegmentWriter() { mdb_env_close(env_); }

Status SegmentWriter::commit(std::uint64_t sequence, std::uint64_t durable_to, bool sync_follows, std::span<const JournalWrite> writes,
                             Commit& done) {
    ValueHeader header{nonce_, id_, sequence, kValueHeaderBytes, 0, durable_to};
    for (const JournalWrite& write : writes) {
        header.size_bytes += stored_bytes(write);
        header.entry_count += static_cast<std::uint32_t>(write.entries.size());
    }
    const bool is_small = std::max(header.size_bytes, std::exchange(last_value_bytes_, header.size_bytes)) < kSmallBelowBytes;
    return is_small ? commit_in_arena(header, sync_follows, writes, done) : commit_as_value(header, sync_follows, writes, done);
}

template <class Fill>
Status SegmentWriter::append_value(std::uint64_t sequence, std::uint64_t size_bytes, std::uint64_t& value_at, Fill&& fill) {
    MDB_txn* txn = nullptr;
    if (const int code = mdb_txn_begin(env_, nullptr, 0, &txn)) return failed("cannot begin a commit", code);
    auto key_bytes = key_of(sequence);
    MDB_val key{key_bytes.size(), key_bytes.data()};
    MDB_val value{size_bytes, nullptr};
    if (const int code = mdb_put(txn, database_, &key, &value, MDB_APPEND | MDB_RESERVE)) {
        mdb_txn_abort(txn);
        return failed("cannot append a commit", code);
    }
    auto* const bytes = static_cast<std::byte*>(value.mv_data);
    // An overflow page knows its number from the moment that it is allocated; it stands at the front of LMDB's page header.
    std::uint64_t page_number = 0;
    std::memcpy(&page_number, bytes - kLmdbPageHeaderBytes, sizeof page_number);
    value_at = page_number * page_bytes_ + kLmdbPageHeaderBytes;
    fill(MutableBytes(bytes, size_bytes));
    if (const int code = mdb_txn_commit(txn)) return failed("cannot commit", code);
    return {};
}

Status SegmentWriter::commit_as_value(const ValueHeader& header, bool sync_follows, std::span<const JournalWrite> writes, Commit& done) {
    // A value of a page at least never lies inside a tree page.
    const std::uint64_t reserved = std::max<std::uint64_t>(header.size_bytes, page_bytes_ - kLmdbPageHeaderBytes);
    done.written_bytes += ((kLmdbPageHeaderBytes + reserved + page_bytes_ - 1) / page_bytes_ + kTreePagesPerCommit) * page_bytes_;
    std::uint64_t value_at = 0;
    Status status = append_value(header.sequence, reserved, value_at, [&](MutableBytes out) { write_value(header, writes, value_at, out, done); });
    // Only a hint: the sync waits for it, and reports what fails.
    if (status.ok() && sync_follows && reserved >= kWriteBehindBytes)
        ::sync_file_range(descriptor_, static_cast<off_t>(value_at), static_cast<off_t>(reserved), SYNC_FILE_RANGE_WRITE);
    return status;
}

Status SegmentWriter::commit_in_arena(const ValueHeader& header, bool sync_follows, std::span<const JournalWrite> writes, Commit& done) {
    const std::uint64_t pages = (kLmdbPageHeaderBytes + header.size_bytes + page_bytes_ - 1) / page_bytes_;
    if (arena_at_ + pages * page_bytes_ > arena_end_)
        if (Status status = open_arena(header.sequence, done); !status.ok()) return status;
    // As on an overflow page, the value begins behind room for LMDB's page header.
    const MutableBytes bytes = pages_->buffer(pages * page_bytes_);
    std::memset(bytes.data(), 0, kLmdbPageHeaderBytes);
    write_value(header, writes, arena_at_ + kLmdbPageHeaderBytes, bytes.subspan(kLmdbPageHeaderBytes), done);
    // Whoever does not wait for the disk is better off in the page cache, and so is what lies there already.
    if (const int error = pages_->write(arena_at_, bytes.size(), sync_follows && arena_is_synced_))
        return {ErrorCode::storage_failed, std::string("cannot write a commit: ") + std::strerror(error)};
    arena_at_ += bytes.size();
    done.written_bytes += bytes.size();
    return {};
}

// The key is the sequence of the first value inside; the value that follows the arena in LMDB has a higher one.
Status SegmentWriter::open_arena(std::uint64_t sequence, Commit& done) {
    std::uint64_t value_at = 0;
    const Status status = append_value(sequence, kArenaBytes - kLmdbPageHeaderBytes, value_at,
                                       [](MutableBytes out) { std::memset(out.data(), 0, out.size()); });
    if (!status.ok()) return status;
    const std::uint64_t first_page = value_at - kLmdbPageHeaderBytes;
    arena_at_ = first_page + page_bytes_;  // the first page keeps LMDB's header
    arena_end_ = first_page + kArenaBytes;
    arena_is_synced_ = false;
    done.written_bytes += kArenaBytes + kTreePagesPerCommit * page_bytes_;
    return {};
}

Status SegmentWriter::sync() {
    if (const int code = mdb_env_sync(env_, 1)) return failed("cannot sync the journal", code);
    arena_is_synced_ = true;
    return {};
}

std::uint64_t SegmentWriter::end_of_pages() const {
    MDB_envinfo info{};
    mdb_env_info(env_, &info);
    return (info.me_last_pgno + 1) * page_bytes_;
}

}  // namespace sedge::node
