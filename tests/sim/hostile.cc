#include <algorithm>

#include "schema/crc32c.h"
#include "schema/little_endian.h"
#include "schema/record_batch.h"
#include "tests/sim/admin.h"
#include "tests/sim/producer.h"

namespace sedge::sim {
namespace {

// Only a look at every record finds this one out.
void flip_bit(Random& random, MutableBytes bytes) {
    const std::size_t at = random.below(bytes.size());
    bytes[at] ^= static_cast<std::byte>(1u << random.below(8));
}

}  // namespace

void HostileClient::begin() { step(); }

void HostileClient::step() {
    if (!world_.calm)
        for (std::uint64_t n = random_.between(1, 3); n > 0; --n) network_.to_node(connection_, draw_message());
    if (random_.one_in(50)) network_.stall(connection_, world_.clock.now_us() + random_.magnitude(1'000, 5'000'000));
    after(pause_us() * 2, [this] { step(); });
}

// A request that makes sense, to be spoilt.
Buffer HostileClient::draw_request() {
    Buffer frame;
    const std::string topic = any_topic();
    const std::uint64_t id = random_.below(1000);
    switch (random_.below(6)) {
        case 0: {
            FetchRequest fetch;
            fetch.topic = topic;
            fetch.partition = any_partition();
            fetch.offset = Offset{random_.one_in(2) ? random_.below(100) : random_.next()};
            fetch.max_bytes = static_cast<std::uint32_t>(random_.below(100u << 10));
            fetch.max_wait_ms = static_cast<std::uint32_t>(random_.below(1'000));
            encode_request(id, fetch, frame);
            break;
        }
        case 1: encode_request(id, MetadataRequest{{topic, topic, topic}}, frame); break;
        case 2: {
            ListOffsetsRequest list;
            list.topic = topic;
            list.partition = PartitionIndex{static_cast<std::uint32_t>(random_.next())};
            encode_request(id, list, frame);
            break;
        }
        case 3: {
            CreateTopicRequest create;
            create.topic = random_.one_in(2) ? std::string_view("../../etc") : std::string_view(topic);
            create.partitions = static_cast<std::uint32_t>(random_.one_in(2) ? random_.below(4) : random_.next());
            create.replicas = static_cast<std::uint32_t>(random_.below(3));
            create.config.emplace_back("retention", random_.one_in(2) ? "-1" : "99999999999999999999d");
            encode_request(id, create, frame);
            break;
        }
        default: {
            ProduceRequest produce;
            produce.topic = topic;
            produce.partition = any_partition();
            BatchBuilder builder(random_.one_in(2) ? Codec::lz4 : Codec::none);
            if (random_.one_in(2)) {
                const ProducerId producer{random_.below(4)};
                builder.set_producer(producer, 0, static_cast<std::uint32_t>(random_.below(10)));
            }
            for (std::uint64_t n = random_.between(1, 3); n > 0; --n)
                add_to(builder, draw_record(random_, connection_, n, world_.clock.wall_ms()));
            encode_request(id, produce, frame);
            Buffer batch = builder.finish();
            if (random_.one_in(2)) spoil_with_right_checksum(batch);
            frame.insert(frame.end(), batch.begin(), batch.end());
            break;
        }
    }
    return frame;
}

void HostileClient::spoil_with_right_checksum(Buffer& batch) {
    constexpr std::size_t kCrcAt = 4, kCoveredFrom = 32;
    flip_bit(random_, MutableBytes(batch).subspan(kCoveredFrom));
    store_le<std::uint32_t>(batch, kCrcAt, crc32c(ByteView(batch).subspan(kCoveredFrom)));
}

Frames HostileClient::draw_message() {
    Frames frames;
    switch (random_.below(8)) {
        case 0: break;  // no frame at all
        case 1: frames.emplace_back(); break;
        case 2: frames.push_back(random_.bytes(random_.magnitude(1, 4'000))); break;
        case 3: {
            const std::uint64_t count = random_.between(2, 80);
            frames.assign(count, random_.bytes(random_.below(20)));
            break;
        }
        case 4:
            frames.push_back(draw_request());
            frames[0].resize(random_.below(frames[0].size() + 1));
            break;
        case 5:
            frames.push_back(draw_request());
            frames.push_back(random_.bytes(random_.below(200)));
            break;
        default:
            frames.push_back(draw_request());
            for (std::uint64_t n = random_.between(0, 3); n > 0 && !frames[0].empty(); --n) flip_bit(random_, frames[0]);
            break;
    }
    return frames;
}

}  // namespace sedge::sim
