#include "node/io/journal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <condition_variable>
#include <filesystem>
#include <mutex>

#include "node/io/segment_scan.h"
#include "node/io/segment_writer.h"
#include "schema/record_batch.h"
#include "tests/contract/journal_directory.h"
#include "tests/contract/journal_process.h"

using namespace sedge;
using namespace sedge::node;

namespace {

class TemporaryDirectory {
  public:
    TemporaryDirectory() {
        std::string pattern = (std::filesystem::temp_directory_path() / "sedge-journal-XXXXXX").string();
        path_ = ::mkdtemp(pattern.data());
    }
    ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

const PartitionId kPartition{TopicId{{1, 2, 3}}, PartitionIndex{7}};

Buffer batch_at(std::uint64_t offset, std::uint32_t records = 1, std::size_t value_bytes = 10) {
    BatchBuilder builder;
    const std::string value(value_bytes, static_cast<char>('a' + offset % 26));
    for (std::uint32_t i = 0; i < records; ++i) builder.add(1000 + offset + i, {}, as_bytes(value));
    Buffer batch = builder.finish();
    stamp_batch(batch, Offset{offset}, 5000 + offset, Epoch{1});
    return batch;
}

// A journal and what the event loop would do with it, step by step.
class JournalUser {
  public:
    explicit JournalUser(const std::string& directory, std::uint64_t segment_bytes = 1u << 20) {
        JournalOptions options;
        options.directory = directory;
        options.segment_bytes = segment_bytes;
        options.wake = [this] {
            const std::lock_guard lock(mutex_);
            woken_ = true;
            wake_.notify_all();
        };
        options.fatal = [](const std::string& what) { FAIL(what); };
        auto opened = Journal::open(std::move(options));
        REQUIRE(opened.ok());
        journal_ = std::move(*opened);
        RecoverySink sink;
        sink.checkpoint = [this](ByteView bytes) {
            checkpoint = std::string(as_text(bytes));
            return Status{};
        };
        sink.entry = [this](const JournalEntry& entry, ByteView payload) {
            if (entry.type == EntryType::batch) {
                const auto header = parse_batch_header(payload);
                REQUIRE(header.ok());
                replayed.push_back(header->base_offset.value);
            }
            return Status{};
        };
        REQUIRE(journal_->recover(sink).ok());
        journal_->start();
    }

    void roll(std::string_view state) {
        wait([this] { return room_.next_segment_ready; });
        room_.next_segment_ready = false;
        store({{EntryType::checkpoint, {}, {}, SharedBytes::copy_of(as_bytes(state))}}, true);
    }
    void store(std::vector<JournalEntry> entries, bool roll = false) {
        const WriteToken token{++last_token_};
        journal_->append({token, true, roll, std::move(entries)});
        wait([&] { return durable_ >= token; });
    }
    void store_batch(std::uint64_t offset, std::uint32_t records = 1, std::size_t value_bytes = 10) {
        store({{EntryType::batch, kPartition, Offset{offset}, SharedBytes::take(batch_at(offset, records, value_bytes))}});
    }
    ReadResult read(ReadEffect effect) {
        std::visit([](auto& each) { each.read_id = 1; }, effect);
        journal_->read(effect);
        wait([this] { return !reads_.empty(); });
        ReadResult result = std::move(reads_.front().result);
        reads_.clear();
        return result;
    }
    // The base offsets of the batches that a read from `offset` on gives.
    std::vector<std::uint64_t> offsets_from(std::uint64_t offset, std::uint64_t end, std::size_t max_bytes = 1u << 20) {
        std::vector<std::uint64_t> out;
        const ReadResult result = read(ReadRecords{0, kPartition, Offset{offset}, Offset{end}, max_bytes});
        REQUIRE(result.outcome == ReadResult::Outcome::found);
        for (const SharedBytes& each : result.batches) {
            for (ByteView rest = each.view(); !rest.empty();) {
                const auto header = check_appended_batch(rest);
                REQUIRE(header.ok());
                out.push_back(header->base_offset.value);
                rest = rest.subspan(header->size_bytes);
            }
        }
        return out;
    }
    template <class Condition>
    void wait(Condition reached) {
        std::unique_lock lock(mutex_);
        for (;;) {
            lock.unlock();
            Journal::Completed done = journal_->collect();
            lock.lock();
            durable_ = std::max(durable_, done.durable_to);
            std::move(done.reads.begin(), done.reads.end(), std::back_inserter(reads_));
            room_ = done.room;
            if (reached()) return;
            REQUIRE(wake_.wait_for(lock, std::chrono::seconds(60), [this] { return woken_; }));
            woken_ = false;
        }
    }
    Journal& journal() { return *journal_; }

    std::string checkpoint;
    std::vector<std::uint64_t> replayed;

  private:
    std::mutex mutex_;
    std::condition_variable wake_;
    bool woken_ = false;
    WriteToken durable_;
    JournalRoom room_;
    std::vector<Journal::Completed::Read> reads_;
    std::uint64_t last_token_ = 0;
    std::unique_ptr<Journal> journal_;
};

std::vector<std::string> segment_files(const std::string& directory) {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(directory))
        if (entry.path().extension() == ".seg") files.push_back(entry.path().string());
    std::sort(files.begin(), files.end());
    return files;
}

}  // namespace

TEST_CASE("what was stored is read back, and replayed by the next start", "[journal]") {
    TemporaryDirectory directory;
    {
        JournalUser user(directory.path());
        CHECK(user.checkpoint.empty());
        user.roll("state one");
        for (std::uint64_t offset = 0; offset < 50; ++offset) user.store_batch(offset);
        CHECK(user.offsets_from(0, 3) == std::vector<std::uint64_t>{0, 1, 2});
        CHECK(user.offsets_from(48, 50) == std::vector<std::uint64_t>{48, 49});
        CHECK(user.offsets_from(10, 50, 1) == std::vector<std::uint64_t>{10});
        user.journal().close();
    }
    JournalUser again(directory.path());
    CHECK(again.checkpoint == "state one");
    CHECK(again.replayed.size() == 50);
    again.roll("state two");
    again.store_batch(50);
    CHECK(again.offsets_from(49, 51) == std::vector<std::uint64_t>{49, 50});
}

TEST_CASE("only what follows the newest checkpoint is replayed", "[journal]") {
    TemporaryDirectory directory;
    {
        JournalUser user(directory.path());
        user.roll("one");
        user.store_batch(0);
        user.roll("two");
        user.store_batch(1);
        user.journal().close();
    }
    JournalUser again(directory.path());
    CHECK(again.checkpoint == "two");
    CHECK(again.replayed == std::vector<std::uint64_t>{1});
    CHECK(again.offsets_from(0, 2) == std::vector<std::uint64_t>{0, 1});
}

TEST_CASE("a record is found by its time", "[journal]") {
    TemporaryDirectory directory;
    JournalUser user(directory.path());
    user.roll("");
    for (std::uint64_t offset = 0; offset < 100; offset += 10) user.store_batch(offset, 10);
    const auto find = [&](std::uint64_t time) { return user.read(FindTime{0, kPartition, Offset{0}, Offset{100}, time}).offset.value; };
    CHECK(find(0) == 0);
    CHECK(find(1035) == 35);
    CHECK(find(1099) == 99);
    CHECK(find(5000) == 100);
}

TEST_CASE("a flipped bit is met as damage, and reading goes on behind it", "[journal]") {
    TemporaryDirectory directory;
    {
        JournalUser user(directory.path());
        user.roll("");
        for (std::uint64_t offset = 0; offset < 5; ++offset) user.store_batch(offset, 1, 5000);
        user.journal().close();
    }
    {
        const File file = File::open(segment_files(directory.path()).at(0), O_RDWR);
        const auto values = scan_segment(file, lmdb_page_bytes(), 1, 0).values;
        REQUIRE(values.size() == 6);
        Buffer byte(1);
        const std::uint64_t at = values[3].position + 1000;
        REQUIRE(file.read_at(at, byte) == 1);
        byte[0] ^= std::byte{4};
        REQUIRE(file.write_at(at, byte) == 0);
    }
    JournalUser again(directory.path());
    CHECK(again.offsets_from(0, 5) == std::vector<std::uint64_t>{0, 1});
    const ReadResult hurt = again.read(ReadRecords{0, kPartition, Offset{2}, Offset{5}, 1u << 20});
    CHECK(hurt.outcome == ReadResult::Outcome::damaged);
    CHECK(hurt.next_offset == Offset{3});
    CHECK(again.offsets_from(3, 5) == std::vector<std::uint64_t>{3, 4});
    REQUIRE(again.journal().problems().size() == 1);
    CHECK(again.journal().problems()[0].kind == "quarantine");
}

TEST_CASE("segments whose records are all dead give their files back", "[journal]") {
    TemporaryDirectory directory;
    JournalUser user(directory.path());
    for (std::uint64_t offset = 0; offset < 6; ++offset) {
        user.roll("state");
        user.store_batch(offset);
    }
    CHECK(segment_files(directory.path()).size() == 6);
    user.journal().release({kPartition, Offset{4}});
    user.roll("state");
    user.store_batch(6);
    CHECK(segment_files(directory.path()).size() == 3);
    CHECK(user.offsets_from(4, 7) == std::vector<std::uint64_t>{4, 5, 6});
}

TEST_CASE("a lost list of segments is made again from the files", "[journal]") {
    TemporaryDirectory directory;
    {
        JournalUser user(directory.path());
        user.roll("one");
        user.store_batch(0);
        user.roll("two");
        user.store_batch(1);
        user.journal().close();
    }
    std::filesystem::resize_file(directory.path() + "/manifest", 10);
    JournalUser again(directory.path());
    CHECK(again.checkpoint == "two");
    CHECK(again.offsets_from(0, 2) == std::vector<std::uint64_t>{0, 1});
    CHECK(again.journal().problems().size() == 1);
}

TEST_CASE("what nobody waits for is synced soon, also while more of it arrives without a pause", "[journal]") {
    contract::JournalDirectory directory(64u << 20);
    contract::JournalProcess process(directory);
    process.roll("state");
    const auto syncs = [&] { return process.journal().statistics().syncs; };
    std::uint64_t offset = 0;
    for (const std::uint64_t before = syncs(); syncs() == before; ++offset) {
        REQUIRE(offset * 4 * kJournalPageBytes < directory.segment_bytes());
        process.wait_stored(process.append({contract::batch_entry(offset, 1, 100)}, false));
        // A little time passes between them, so that the segment does not fill up first.
        for (int i = 0; i < 30; ++i) CHECK(process.bases(offset, offset + 1).size() == 1);
    }
    CHECK(offset > 1);
}

TEST_CASE("too few descriptors are a failure for now, not damage", "[journal]") {
    contract::JournalDirectory directory;
    contract::JournalProcess process(directory);
    for (std::uint64_t offset = 0; offset < 5; ++offset) {
        process.roll("state");
        process.store_batch(offset);
    }
    // Files of two segments stay open; the next one cannot be opened any more.
    CHECK(process.all_bases(3, 5) == contract::count_up(3, 5));
    process.wait_until([&] { return process.room().next_segment_ready; });
    rlimit usual{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &usual) == 0);
    const rlimit none{0, usual.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    const ReadResult starved = process.read(ReadRecords{0, kPartition, Offset{0}, Offset{1}, 1000});
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &usual) == 0);
    CHECK(starved.outcome == ReadResult::Outcome::failed);
    CHECK(process.journal().problems().empty());
    CHECK(process.all_bases(0, 5) == contract::count_up(0, 5));
}

TEST_CASE("a start that stores little leaves little on the disk", "[journal]") {
    TemporaryDirectory directory;
    {
        JournalUser user(directory.path());
        user.roll("");
        user.store_batch(0);
        user.journal().close();
    }
    CHECK(std::filesystem::file_size(segment_files(directory.path()).at(0)) < (1u << 19));
    JournalUser again(directory.path());
    CHECK(again.offsets_from(0, 1) == std::vector<std::uint64_t>{0});
}
