#include "node/core/catalogue.h"

#include <catch2/catch.hpp>

#include "node/core/fetch_waiters.h"
#include "node/core/recent_cache.h"

using namespace sedge;
using namespace sedge::node;

namespace {

TopicDescription description(std::uint8_t number, std::string name, std::uint32_t partitions = 1) {
    TopicDescription topic;
    topic.id.bytes.fill(number);
    topic.name = std::move(name);
    topic.partitions = partitions;
    return topic;
}

SharedBytes bytes_of(std::size_t size, char content = 'x') { return SharedBytes::copy_of(as_bytes(std::string(size, content))); }

std::size_t total(const std::vector<SharedBytes>& all) {
    std::size_t size = 0;
    for (const SharedBytes& each : all) size += each.size();
    return size;
}

}  // namespace

TEST_CASE("topics are found by name and by id", "[catalogue]") {
    Catalogue catalogue;
    Topic& b = catalogue.add(description(2, "b", 3));
    Topic& a = catalogue.add(description(1, "a"));
    CHECK(catalogue.find("a") == &a);
    CHECK(catalogue.find("b") == &b);
    CHECK(catalogue.find("b") == &b);
    CHECK(catalogue.find("c") == nullptr);
    CHECK(catalogue.find(b.description.id) == &b);
    CHECK(catalogue.find(PartitionId{b.description.id, PartitionIndex{2}}) == b.partitions[2].get());
    CHECK(catalogue.find(PartitionId{b.description.id, PartitionIndex{3}}) == nullptr);
    CHECK(catalogue.topics().begin()->first == "a");
    CHECK(catalogue.partitions() == 4);
    const TopicId gone = b.description.id;
    catalogue.remove(gone);
    catalogue.remove(gone);
    CHECK(catalogue.find("b") == nullptr);
    CHECK(catalogue.find(gone) == nullptr);
    CHECK(catalogue.partitions() == 1);
}

TEST_CASE("a topic description survives, and nothing else parses as one", "[catalogue]") {
    TopicDescription topic = description(9, "readings.site-1", 12);
    topic.config.sync = false;
    topic.config.retention_ms.reset();
    Buffer bytes;
    encode_topic(topic, bytes);
    CHECK(decode_topic(bytes) == topic);
    for (std::size_t size = 0; size < bytes.size(); ++size) CHECK(!decode_topic(ByteView(bytes).first(size)));
    bytes.push_back(std::byte{0});
    CHECK(!decode_topic(bytes));
    for (const auto& wrong : {description(1, "no spaces"), description(1, ""), description(1, "t", 0), description(1, "t", 10'001)}) {
        Buffer encoded;
        encode_topic(wrong, encoded);
        CHECK(!decode_topic(encoded));
    }
}

TEST_CASE("recent batches are served by reference, within their budget, oldest leaving first", "[catalogue]") {
    Catalogue catalogue;
    Topic& topic = catalogue.add(description(1, "t", 2));
    Partition& one = *topic.partitions[0];
    Partition& other = *topic.partitions[1];
    RecentCache cache(catalogue, 100'000);
    const SharedBytes large = bytes_of(20'000);
    cache.add(one, Offset{0}, Offset{10}, large);
    cache.add(other, Offset{5}, Offset{6}, bytes_of(20'000));
    cache.add(one, Offset{10}, Offset{20}, bytes_of(20'000));
    auto found = RecentCache::read(one, Offset{3}, Offset{20}, 1u << 20);
    REQUIRE(found.size() == 2);
    CHECK(found[0].owner() == large.owner());
    CHECK(RecentCache::read(one, Offset{3}, Offset{20}, 1).size() == 1);
    CHECK(RecentCache::read(one, Offset{3}, Offset{10}, 1u << 20).size() == 1);
    CHECK(RecentCache::read(one, Offset{19}, Offset{20}, 1u << 20).size() == 1);
    CHECK(RecentCache::read(other, Offset{4}, Offset{6}, 1u << 20).empty());
    cache.add(one, Offset{20}, Offset{30}, bytes_of(50'000));
    CHECK(RecentCache::read(one, Offset{3}, Offset{30}, 1u << 20).empty());
    CHECK(total(RecentCache::read(one, Offset{10}, Offset{30}, 1u << 20)) == 70'000);
    CHECK(cache.bytes() <= 100'000);
    cache.add(one, Offset{30}, Offset{31}, bytes_of(200'000));
    CHECK(one.recent == nullptr);
    CHECK(other.recent == nullptr);
    CHECK(cache.bytes() == 0);
}

TEST_CASE("small recent batches are joined, deleted topics leave no trace", "[catalogue]") {
    Catalogue catalogue;
    Topic& topic = catalogue.add(description(1, "t"));
    RecentCache cache(catalogue, 3000);
    for (std::uint64_t i = 0; i < 5; ++i) cache.add(*topic.partitions[0], Offset{i}, Offset{i + 1}, bytes_of(10));
    const auto found = RecentCache::read(*topic.partitions[0], Offset{1}, Offset{5}, 1u << 20);
    REQUIRE(found.size() == 1);
    CHECK(found[0].size() == 40);
    catalogue.remove(topic.description.id);
    Topic& next = catalogue.add(description(2, "t"));
    for (std::uint64_t i = 0; i < 100; ++i) cache.add(*next.partitions[0], Offset{i}, Offset{i + 1}, bytes_of(10));
    CHECK(cache.bytes() <= 3000);
    CHECK(!RecentCache::read(*next.partitions[0], Offset{99}, Offset{100}, 1).empty());
}

TEST_CASE("waiting fetches are found by partition and by deadline", "[catalogue]") {
    Catalogue catalogue;
    Topic& topic = catalogue.add(description(1, "t", 2));
    Partition& one = *topic.partitions[0];
    Partition& other = *topic.partitions[1];
    FetchWaiters waiters;
    const auto fetch = [](const Partition& partition, std::uint64_t id, std::uint64_t deadline_ms) {
        return PendingFetch{{"c"}, id, partition.id, {}, 0, false, deadline_ms};
    };
    CHECK(!waiters.next_deadline_ms());
    waiters.add(one, fetch(one, 1, 30));
    waiters.add(one, fetch(one, 2, 10));
    waiters.add(other, fetch(other, 3, 20));
    CHECK(waiters.next_deadline_ms() == 10u);
    const auto expired = waiters.take_expired(20, catalogue);
    REQUIRE(expired.size() == 2);
    CHECK(expired[0].correlation_id == 2);
    CHECK(expired[1].correlation_id == 3);
    const auto woken = waiters.take(one);
    REQUIRE(woken.size() == 1);
    CHECK(woken[0].correlation_id == 1);
    CHECK(waiters.take(other).empty());
    CHECK(waiters.size() == 0);
    // Polls that come and go without an append must not gather.
    for (std::uint64_t i = 0; i < 1000; ++i) {
        waiters.add(one, fetch(one, i, i));
        CHECK(waiters.take_expired(i, catalogue).size() == 1);
    }
    CHECK(one.waiting_fetches.size() < 40);
    CHECK(one.waiting_count == 0);
}
