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

// Groups below this, two in a row, are latency: the blocks they go to are written ahead, since a sync of blocks written before takes half
// the time of one that must convert preallocated ones. Larger groups are throughput, and would write everything twice.
constexpr std::uint64_t kPrewriteBelowBytes = 16u << 10;
constexpr std::uint64_t kPrewriteStepBytes = 256u << 10;

// What a commit writes beside its value: a leaf and a branch of the tree, the same of the free list, and the meta page.
constexpr std::uint64_t kTreePagesPerCommit = 5;

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
                                                           std::uint64_t map_bytes, bool blocks_are_written) {
    MDB_env* env = nullptr;
    int code = mdb_env_create(&env);
    if (code != 0) return failed("cannot open a segment", code);
    std::unique_ptr<SegmentWriter> writer(new SegmentWriter(env, id, nonce, map_bytes, blocks_are_written));
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
    return writer;
}

SegmentWriter::SegmentWriter(MDB_env* env, std::uint64_t id, std::uint64_t nonce, std::uint64_t map_bytes, bool blocks_are_written)
    : env_(env), id_(id), nonce_(nonce), map_bytes_(map_bytes), page_bytes_(lmdb_page_bytes()), written_to_(blocks_are_written ? map_bytes : 0) {}

SegmentWriter::~SegmentWriter() { mdb_env_close(env_); }

Status SegmentWriter::commit(std::uint64_t sequence, std::uint64_t durable_to, std::span<const JournalWrite> writes, Commit& done) {
    ValueHeader header{nonce_, id_, sequence, kValueHeaderBytes, 0, durable_to};
    for (const JournalWrite& write : writes) {
        header.size_bytes += stored_bytes(write);
        header.entry_count += static_cast<std::uint32_t>(write.entries.size());
    }
    if (Status status = prewrite(header.size_bytes); !status.ok()) return status;
    MDB_txn* txn = nullptr;
    if (const int code = mdb_txn_begin(env_, nullptr, 0, &txn)) return failed("cannot begin a commit", code);
    auto key_bytes = key_of(sequence);
    MDB_val key{key_bytes.size(), key_bytes.data()};
    // A value of a page at least never lies inside a tree page.
    const std::uint64_t reserved = std::max<std::uint64_t>(header.size_bytes, page_bytes_ - kLmdbPageHeaderBytes);
    MDB_val value{reserved, nullptr};
    if (const int code = mdb_put(txn, database_, &key, &value, MDB_APPEND | MDB_RESERVE)) {
        mdb_txn_abort(txn);
        return failed("cannot append a commit", code);
    }
    auto* const bytes = static_cast<std::byte*>(value.mv_data);
    // An overflow page knows its number from the moment that it is allocated; it stands at the front of LMDB's page header.
    std::uint64_t page_number = 0;
    std::memcpy(&page_number, bytes - kLmdbPageHeaderBytes, sizeof page_number);
    const std::uint64_t value_at = page_number * page_bytes_ + kLmdbPageHeaderBytes;
    const MutableBytes out(bytes, reserved);
    std::uint64_t at = kValueHeaderBytes;
    for (const JournalWrite& write : writes) {
        for (const JournalEntry& entry : write.entries) {
            const std::uint64_t entry_at = at;
            append_entry(out, at, entry, nonce_);
            if (entry.type == EntryType::batch)
                done.batches.push_back({entry.partition, value_at + entry_at, at - entry_at, entry.payload});
        }
    }
    std::memset(bytes + at, 0, reserved - at);
    write_value_header(header, out);
    done.value_bytes = header.size_bytes;
    done.written_bytes = ((kLmdbPageHeaderBytes + reserved + page_bytes_ - 1) / page_bytes_ + kTreePagesPerCommit) * page_bytes_;
    if (const int code = mdb_txn_commit(txn)) return failed("cannot commit", code);
    written_to_ = std::max(written_to_, end_of_pages());
    return {};
}

Status SegmentWriter::sync() {
    if (const int code = mdb_env_sync(env_, 1)) return failed("cannot sync the journal", code);
    return {};
}

std::uint64_t SegmentWriter::end_of_pages() const {
    MDB_envinfo info{};
    mdb_env_info(env_, &info);
    return (info.me_last_pgno + 1) * page_bytes_;
}

Status SegmentWriter::prewrite(std::uint64_t next_bytes) {
    if (std::max(next_bytes, std::exchange(last_value_bytes_, next_bytes)) >= kPrewriteBelowBytes) return {};
    const std::uint64_t end = end_of_pages();
    if (end + 2 * kPrewriteBelowBytes <= written_to_) return {};
    const std::uint64_t from = std::max(end, written_to_);
    const std::uint64_t to = std::min(map_bytes_, from + kPrewriteStepBytes);
    if (from >= to) return {};
    static constexpr std::array<std::byte, 64u << 10> kZeros{};
    for (std::uint64_t at = from; at < to;) {
        const auto n = ::pwrite(descriptor_, kZeros.data(), std::min<std::uint64_t>(to - at, kZeros.size()), static_cast<off_t>(at));
        if (n == 0 || (n < 0 && errno != EINTR)) return {ErrorCode::storage_failed, std::string("cannot write ahead: ") + std::strerror(errno)};
        if (n > 0) at += static_cast<std::uint64_t>(n);
    }
    prewritten_total_ += to - from;
    written_to_ = to;
    return {};
}

}  // namespace sedge::node
