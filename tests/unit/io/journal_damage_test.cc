// Whatever happens to the files of a journal: it starts, serves nothing wrong, deletes nothing that is damaged, and takes new records.
#include <fcntl.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <random>

#include "node/io/manifest.h"
#include "node/io/segment_scan.h"
#include "node/io/segment_writer.h"
#include "tests/contract/journal_directory.h"
#include "tests/contract/journal_process.h"

using namespace sedge;
using namespace sedge::node;
using contract::JournalDirectory;
using contract::JournalProcess;
using contract::kPartition;

namespace {

constexpr std::uint64_t kSegments = 3, kBatchesPerSegment = 12;
constexpr std::uint64_t kEnd = kSegments * kBatchesPerSegment;

// A directory whose journal can be put back to how it was.
class DamagedDirectory : public JournalDirectory {
  public:
    DamagedDirectory() : JournalDirectory(256u << 10), original_(path() + "-original") {}

    // Segments of small and larger batches; the last one is left as a kill leaves it, or sealed.
    void fill(bool kill) {
        JournalProcess process(*this);
        for (std::uint64_t offset = 0; offset < kEnd; ++offset) {
            if (offset % kBatchesPerSegment == 0) process.roll("segment " + std::to_string(offset / kBatchesPerSegment));
            process.store_batch(offset, 1, offset % 5 == 0 ? 9'000 : 100);
        }
        if (kill)
            process.kill();
        else
            process.close();
        std::filesystem::remove_all(original_);
        copy_files(path(), original_);
    }
    void put_back() const {
        std::filesystem::remove_all(path());
        copy_files(original_, path());
    }
    std::vector<std::string> files() const {
        std::vector<std::string> names;
        for (const std::string& name : names_in(path()))
            if (name == kManifestName || segment_id_of(name)) names.push_back(name);
        return names;
    }
    File file(const std::string& name) const { return File::open(path() + "/" + name, O_RDWR); }

  private:
    const std::string original_;
};

void flip_bit(const File& file, std::uint64_t at, unsigned bit) {
    Buffer byte(1);
    REQUIRE(file.read_at(at, byte) == 1);
    byte[0] ^= std::byte{1} << static_cast<int>(bit % 8);
    REQUIRE(file.write_at(at, byte) == 0);
}

// Reads all around the damage as a consumer does. How many records were served; each has to be the right one.
std::uint64_t read_around(JournalProcess& process, std::uint64_t end) {
    std::uint64_t served = 0;
    for (std::uint64_t from = 0; from < end;) {
        const ReadResult result = process.read(ReadRecords{0, kPartition, Offset{from}, Offset{end}, 1u << 20});
        REQUIRE(result.outcome != ReadResult::Outcome::failed);
        if (result.outcome == ReadResult::Outcome::damaged) {
            REQUIRE(result.next_offset.value > from);
            REQUIRE(result.next_offset.value <= end);
            from = result.next_offset.value;
            continue;
        }
        REQUIRE(!result.batches.empty());
        for (const SharedBytes& part : result.batches) {
            for (ByteView rest = part.view(); !rest.empty();) {
                const Buffer expected = contract::batch_at(from, 1, from >= kEnd ? 50 : from % 5 == 0 ? 9'000 : 100);
                REQUIRE(rest.size() >= expected.size());
                REQUIRE(std::equal(expected.begin(), expected.end(), rest.begin()));
                rest = rest.subspan(expected.size());
                ++from;
                ++served;
            }
        }
    }
    return served;
}

// Two starts on what is there. How many of the old records were served.
std::uint64_t check_lives_on(DamagedDirectory& directory) {
    const auto before = directory.files();
    std::uint64_t served = 0, end = 0;
    {
        JournalProcess process(directory);
        served = read_around(process, kEnd);
        end = std::max(kEnd, process.end_of(kPartition));
        process.roll("after");
        process.store({contract::batch_entry(end, 1, 50)});
        process.kill();
    }
    JournalProcess again(directory);
    CHECK(again.checkpoint == "after");
    CHECK(read_around(again, kEnd) == served);
    CHECK(again.bases(end, end + 1) == std::vector<std::uint64_t>{end});
    for (const std::string& name : before) CHECK(std::filesystem::exists(directory.path() + "/" + name));
    return served;
}

}  // namespace

TEST_CASE("flipped bits anywhere", "[journal_damage]") {
    const bool kill = GENERATE(false, true);
    DamagedDirectory directory;
    directory.fill(kill);
    std::mt19937_64 draw(7);
    for (int round = 0; round < 60; ++round) {
        directory.put_back();
        const auto files = directory.files();
        const std::string name = files[draw() % files.size()];
        const File file = directory.file(name);
        // Most of a segment's file is not yet used.
        const std::uint64_t reach = std::min<std::uint64_t>(file.size_bytes(), 160u << 10);
        for (std::uint64_t flips = 1 + draw() % 6; flips > 0; --flips) flip_bit(file, draw() % reach, static_cast<unsigned>(draw()));
        INFO("round " << round << " in " << name << (kill ? " after a kill" : ""));
        CHECK(check_lives_on(directory) > 0);
    }
}

TEST_CASE("a file cut at any page, emptied, overwritten, or gone", "[journal_damage]") {
    const bool kill = GENERATE(false, true);
    DamagedDirectory directory;
    directory.fill(kill);
    for (const std::string& name : directory.files()) {
        for (const unsigned pages : {0u, 1u, 2u, 3u, 7u, 12u, 20u, 33u}) {
            directory.put_back();
            std::filesystem::resize_file(directory.path() + "/" + name, std::min<std::uint64_t>(pages * 4096u + pages, directory.file(name).size_bytes()));
            INFO(name << " cut at page " << pages << (kill ? " after a kill" : ""));
            check_lives_on(directory);
        }
        directory.put_back();
        Buffer noise(static_cast<std::size_t>(directory.file(name).size_bytes()));
        std::mt19937_64 draw(1);
        for (std::byte& byte : noise) byte = static_cast<std::byte>(draw());
        REQUIRE(directory.file(name).write_at(0, noise) == 0);
        INFO(name << " overwritten" << (kill ? " after a kill" : ""));
        CHECK(check_lives_on(directory) > 0);
    }
    directory.put_back();
    std::filesystem::remove(directory.path() + "/" + segment_file_name(1));
    JournalProcess process(directory);
    CHECK(read_around(process, kEnd) == kEnd - kBatchesPerSegment);
    REQUIRE(process.journal().problems().size() >= 1);
}

TEST_CASE("what was acknowledged and is damaged is kept in doubt, not forgotten", "[journal_damage]") {
    DamagedDirectory directory;
    directory.fill(true);
    const std::string name = segment_file_name(kSegments);
    // The last but one commit was durable before the last one began. Its header alone is hit: nothing tells what it held but the gap.
    const auto values = scan_segment(directory.file(name), lmdb_page_bytes(), kSegments, 0).values;
    REQUIRE(values.size() == kBatchesPerSegment + 1);
    SECTION("a value's header") {
        flip_bit(directory.file(name), values[values.size() - 2].position + 20, 3);
        CHECK(check_lives_on(directory) == kEnd - 1);
    }
    SECTION("a batch's header: its offsets are not given to others") {
        flip_bit(directory.file(name), values.back().position + kValueHeaderBytes + kEntryHeaderBytes + 10, 3);
        // The newest commit cannot be told from a torn one.
        CHECK(check_lives_on(directory) == kEnd - 1);
        directory.put_back();
        flip_bit(directory.file(name), values[values.size() - 2].position + kValueHeaderBytes + kEntryHeaderBytes + 10, 3);
        CHECK(check_lives_on(directory) == kEnd - 1);
    }
    JournalProcess process(directory);
    CHECK(process.end_of(kPartition) >= kEnd - 1);
}

TEST_CASE("a sealed segment knows how far its partitions reached although its newest records are gone", "[journal_damage]") {
    DamagedDirectory directory;
    directory.fill(false);
    const std::string name = segment_file_name(kSegments);
    const auto values = scan_segment(directory.file(name), lmdb_page_bytes(), kSegments, 0).values;
    flip_bit(directory.file(name), values.back().position + 3, 1);
    JournalProcess process(directory);
    CHECK(process.end_of(kPartition) == kEnd);
    CHECK(process.replayed_bases().size() == kBatchesPerSegment - 1);
    CHECK(!process.journal().problems().empty());
}

TEST_CASE("of what nobody was promised, a crash keeps what is whole and in order", "[journal_damage]") {
    DamagedDirectory directory;
    {
        JournalProcess process(directory);
        process.roll("state");
        process.store_batch(0);
        for (std::uint64_t offset = 1; offset < 6; ++offset) process.wait_stored(process.append({contract::batch_entry(offset)}, false));
        process.kill();
    }
    const std::string name = segment_file_name(1);
    const auto values = scan_segment(directory.file(name), lmdb_page_bytes(), 1, 0).values;
    REQUIRE(values.size() == 7);
    flip_bit(directory.file(name), values[4].position + kValueHeaderBytes + kEntryHeaderBytes + 80, 2);  // offset 3
    JournalProcess process(directory);
    CHECK(process.replayed_bases() == contract::count_up(0, 3));
    CHECK(process.journal().problems().empty());
    process.roll("after");
    process.store_batch(3);
    CHECK(process.all_bases(0, 4) == contract::count_up(0, 4));
    process.kill();
    JournalProcess again(directory);
    CHECK(again.all_bases(0, 4) == contract::count_up(0, 4));
}

TEST_CASE("after damage nothing counts as dead that the start did not know", "[journal_damage]") {
    DamagedDirectory directory;
    directory.fill(false);
    // The checkpoints are gone: nobody knows which topics there are.
    for (std::uint64_t id = 1; id <= kSegments; ++id) {
        const File file = directory.file(segment_file_name(id));
        const auto values = scan_segment(file, lmdb_page_bytes(), id, 0).values;
        flip_bit(file, values.front().position + kValueHeaderBytes + kEntryHeaderBytes + 1, 0);
    }
    const auto before = directory.files();
    for (int start = 0; start < 2; ++start) {
        JournalProcess process(directory, {});
        process.roll("nothing known");
        process.roll("still nothing");
        for (const std::string& name : before) CHECK(std::filesystem::exists(directory.path() + "/" + name));
        CHECK(!process.journal().problems().empty());
        process.close();
    }
}
