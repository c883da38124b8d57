#include "tests/contract/journal_contract.h"

#include "tests/contract/journal_process.h"

namespace sedge::contract {
namespace {

using node::EntryType;
using node::JournalEntry;
using node::ReadRecords;
using node::ReadResult;

void an_empty_journal_replays_nothing(JournalWorld& world) {
    JournalProcess process(world);
    CHECK(process.checkpoint.empty());
    CHECK(process.replayed.empty());
    process.wait_until([&] { return process.room().next_segment_ready; });
    CHECK(process.journal().problems().empty());
}

void what_was_stored_is_read_back(JournalWorld& world) {
    JournalProcess process(world);
    process.roll("state");
    for (std::uint64_t offset = 0; offset < 40; offset += 2) process.store_batch(offset, 2);
    CHECK(process.all_bases(0, 40) == count_up(0, 40, 2));
    CHECK(process.bases(17, 40).front() == 16);  // the batch that holds the offset
    CHECK(process.bases(38, 40) == std::vector<std::uint64_t>{38});
}

void a_read_keeps_its_bounds(JournalWorld& world) {
    JournalProcess process(world);
    process.roll("state");
    std::size_t batch_bytes = batch_at(0).size();
    for (std::uint64_t offset = 0; offset < 10; ++offset) process.store_batch(offset);
    CHECK(process.bases(3, 10, 1) == std::vector<std::uint64_t>{3});  // one batch always
    CHECK(process.bases(3, 10, 3 * batch_bytes) == count_up(3, 6));
    CHECK(process.bases(3, 5) == count_up(3, 5));  // none at or beyond the end
}

void partitions_are_kept_apart(JournalWorld& world) {
    JournalProcess process(world);
    process.roll("state");
    for (std::uint64_t offset = 0; offset < 8; ++offset)
        process.store({batch_entry(offset), batch_entry(offset, 1, 20, kOther), batch_entry(offset + 100, 1, 5, {TopicId{{9}}, {}})});
    CHECK(process.all_bases(0, 8) == count_up(0, 8));
    CHECK(process.all_bases(0, 8, kOther) == count_up(0, 8));
    CHECK(process.all_bases(100, 108, {TopicId{{9}}, {}}) == count_up(100, 108));
}

void large_batches_are_stored(JournalWorld& world) {
    JournalProcess process(world);
    process.roll("state");
    process.store_batch(0, 1, 100'000);
    process.store_batch(1, 3, 30'000);
    process.store_batch(4);
    CHECK(process.all_bases(0, 5) == std::vector<std::uint64_t>{0, 1, 4});
}

void writes_are_reported_in_their_order(JournalWorld& world) {
    JournalProcess process(world);
    process.roll("state");
    // collect() requires that what is reported rises and was appended.
    for (std::uint64_t offset = 0; offset < 60; ++offset) process.append({batch_entry(offset)}, offset % 3 != 0);
    process.wait_stored(process.last_token());
    CHECK(process.all_bases(0, 60) == count_up(0, 60));
}

void a_write_that_needs_no_sync_is_reported_too(JournalWorld& world) {
    JournalProcess process(world);
    process.roll("state");
    process.wait_stored(process.append({batch_entry(0)}, false));
    CHECK(process.bases(0, 1) == std::vector<std::uint64_t>{0});
    process.kill();  // the system has it
    JournalProcess again(world);
    CHECK(again.replayed_bases() == std::vector<std::uint64_t>{0});
}

void a_start_replays_the_newest_checkpoint_and_what_follows(JournalWorld& world) {
    {
        JournalProcess process(world);
        process.roll("one");
        process.store_batch(0);
        process.roll("two");
        process.store_batch(1);
        process.store_batch(2);
        process.close();
    }
    JournalProcess again(world);
    CHECK(again.checkpoint == "two");
    CHECK(again.replayed_bases() == std::vector<std::uint64_t>{1, 2});
    CHECK(again.all_bases(0, 3) == count_up(0, 3));
}

void entries_come_back_as_they_were(JournalWorld& world) {
    const PartitionId topic{TopicId{{5, 6}}, {}};
    {
        JournalProcess process(world);
        process.roll("state");
        process.store({{EntryType::topic_created, topic, {}, SharedBytes::copy_of(as_bytes("made"))}});
        process.store({{EntryType::topic_altered, topic, {}, SharedBytes::copy_of(as_bytes("altered"))}, batch_entry(4, 3)});
        process.store({{EntryType::log_start, kPartition, Offset{5}, {}}});
        process.store({{EntryType::topic_deleted, topic, {}, {}}});
        process.close();
    }
    JournalProcess again(world);
    REQUIRE(again.replayed.size() == 5);
    CHECK(again.replayed[0].type == EntryType::topic_created);
    CHECK(again.replayed[0].partition == topic);
    CHECK(again.replayed[0].payload == "made");
    CHECK(again.replayed[1].payload == "altered");
    const auto header = parse_batch_header(as_bytes(again.replayed[2].payload));
    REQUIRE(header.ok());
    CHECK(header->base_offset == Offset{4});
    CHECK(header->end_offset() == Offset{7});
    CHECK(again.replayed[3].type == EntryType::log_start);
    CHECK(again.replayed[3].base == Offset{5});
    CHECK(again.replayed[3].partition == kPartition);
    CHECK(again.replayed[4].type == EntryType::topic_deleted);
}

void a_kill_loses_nothing_reported_and_tears_no_write(JournalWorld& world) {
    std::uint64_t end = 0;
    for (int life = 0; life < 4; ++life) {
        JournalProcess process(world);
        if (life > 0) {
            // Writes of three batches each: all of a write or nothing, and no gap.
            const auto bases = process.replayed_bases();
            CHECK(bases.size() % 3 == 0);
            const std::uint64_t reached = bases.empty() ? end : bases.back() + 1;
            CHECK(reached >= end);
            CHECK(process.all_bases(0, reached) == count_up(0, reached));
            end = reached;
        }
        process.roll("end " + std::to_string(end));
        std::uint64_t stored_end = end;
        for (std::uint64_t i = 0, offset = end; i < 50; ++i, offset += 3) {
            process.append({batch_entry(offset), batch_entry(offset + 1), batch_entry(offset + 2)});
            if (i == 25) {
                process.wait_stored(process.last_token());
                stored_end = offset + 3;
            }
        }
        end = stored_end;
        process.kill();
    }
}

void an_inline_commit_is_stored_when_it_returns(JournalWorld& world) {
    std::uint64_t stored = 0;
    {
        JournalProcess process(world);
        process.roll("state");
        for (std::uint64_t offset = 0; offset < 20; ++offset) {
            if (process.commit_inline({batch_entry(offset)}))
                ++stored;
            else
                process.store({batch_entry(offset)});
        }
        process.kill();
    }
    JournalProcess again(world);
    CHECK(again.replayed_bases() == count_up(0, 20));
    CHECK(again.all_bases(0, 20) == count_up(0, 20));
}

void a_roll_takes_the_room_that_was_reported(JournalWorld& world) {
    JournalProcess process(world);
    for (std::uint64_t offset = 0; offset < 5; ++offset) {
        const std::uint64_t token = process.append_roll("state " + std::to_string(offset));
        process.wait_stored(token);
        process.store_batch(offset);
    }
    process.wait_until([&] { return process.room().next_segment_ready; });
    CHECK(process.all_bases(0, 5) == count_up(0, 5));
}

void what_the_core_counts_fits_into_a_segment(JournalWorld& world) {
    JournalProcess process(world);
    process.roll("state");
    node::JournalWrite first;
    first.entries.push_back({EntryType::checkpoint, {}, {}, SharedBytes::copy_of(as_bytes("state"))});
    std::uint64_t used = node::journal_cost(first);
    std::uint64_t offset = 0;
    for (;; ++offset) {
        node::JournalWrite write;
        write.entries.push_back(batch_entry(offset, 1, offset % 7 == 0 ? 30'000 : 50));
        used += node::journal_cost(write);
        if (used > world.segment_bytes()) break;
        process.append(std::move(write.entries));
    }
    process.wait_stored(process.last_token());
    CHECK(process.all_bases(0, offset) == count_up(0, offset));
    process.roll("next");
    process.store_batch(offset);
    CHECK(process.all_bases(0, offset + 1) == count_up(0, offset + 1));
}

void a_record_is_found_by_its_time(JournalWorld& world) {
    JournalProcess process(world);
    process.roll("state");
    for (std::uint64_t offset = 0; offset < 100; offset += 10) {
        process.store_batch(offset, 10);
        if (offset == 40) process.roll("more");
    }
    CHECK(process.find(0, 0, 100) == 0);
    CHECK(process.find(1035, 0, 100) == 35);
    CHECK(process.find(1035, 60, 100) == 60);
    CHECK(process.find(1099, 0, 100) == 99);
    CHECK(process.find(5000, 0, 100) == 100);
    CHECK(process.find(1080, 0, 70) == 70);
}

void released_records_do_not_take_others_with_them(JournalWorld& world) {
    JournalProcess process(world);
    for (std::uint64_t offset = 0; offset < 6; ++offset) {
        process.roll("state");
        process.store({batch_entry(offset), batch_entry(offset, 1, 10, kOther)});
    }
    process.journal().release({kPartition, Offset{4}});
    process.roll("state");
    process.store_batch(6);
    CHECK(process.all_bases(4, 7) == count_up(4, 7));
    CHECK(process.all_bases(0, 6, kOther) == count_up(0, 6));
    process.journal().release({kOther, Offset{UINT64_MAX}});
    process.roll("state");
    process.store_batch(7);
    CHECK(process.all_bases(4, 8) == count_up(4, 8));
}

void what_lives_after_recovery_stays(JournalWorld& world) {
    {
        JournalProcess process(world);
        for (std::uint64_t offset = 0; offset < 4; ++offset) {
            process.roll("state");
            process.store({batch_entry(offset), batch_entry(offset, 1, 10, kOther)});
        }
        process.close();
    }
    JournalProcess again(world, {{kPartition, Offset{2}}});
    again.roll("state");
    again.store_batch(4);
    CHECK(again.all_bases(2, 5) == count_up(2, 5));
}

void many_lives_go_on_where_the_last_one_ended(JournalWorld& world) {
    for (std::uint64_t life = 0; life < 8; ++life) {
        JournalProcess process(world);
        CHECK(process.all_bases(0, life) == count_up(0, life));
        process.roll("life " + std::to_string(life));
        process.store_batch(life);
        if (life % 2 == 0)
            process.close();
        else
            process.kill();
    }
}

}  // namespace

const std::vector<JournalPromise>& journal_promises() {
    static const std::vector<JournalPromise> promises{
        {"an empty journal replays nothing", an_empty_journal_replays_nothing},
        {"what was stored is read back", what_was_stored_is_read_back},
        {"a read keeps its bounds", a_read_keeps_its_bounds},
        {"partitions are kept apart", partitions_are_kept_apart},
        {"large batches are stored", large_batches_are_stored},
        {"writes are reported in their order", writes_are_reported_in_their_order},
        {"a write that needs no sync is reported too", a_write_that_needs_no_sync_is_reported_too},
        {"a start replays the newest checkpoint and what follows", a_start_replays_the_newest_checkpoint_and_what_follows},
        {"entries come back as they were", entries_come_back_as_they_were},
        {"a kill loses nothing reported and tears no write", a_kill_loses_nothing_reported_and_tears_no_write},
        {"an inline commit is stored when it returns", an_inline_commit_is_stored_when_it_returns},
        {"a roll takes the room that was reported", a_roll_takes_the_room_that_was_reported},
        {"what the core counts fits into a segment", what_the_core_counts_fits_into_a_segment},
        {"a record is found by its time", a_record_is_found_by_its_time},
        {"released records do not take others with them", released_records_do_not_take_others_with_them},
        {"what lives after recovery stays", what_lives_after_recovery_stays},
        {"many lives go on where the last one ended", many_lives_go_on_where_the_last_one_ended},
    };
    return promises;
}

}  // namespace sedge::contract
