#include <algorithm>

#include "tests/sim/producer.h"

namespace sedge::sim {
namespace {

constexpr std::uint64_t kPatienceUs = 2'000'000;

}  // namespace

SimRecord draw_record(Random& random, const std::string& who, std::uint64_t number, std::uint64_t wall_ms) {
    SimRecord record;
    record.timestamp_ms = wall_ms - std::min<std::uint64_t>(wall_ms, random.below(2'000));
    const std::string id = who + ":" + std::to_string(number);
    const ByteView text = as_bytes(id);
    Buffer value(text.begin(), text.end());
    const std::size_t filling = random.one_in(20) ? random.below(20'000) : random.below(200);
    value.resize(value.size() + filling, static_cast<std::byte>(number & 0xFF));
    record.value = std::move(value);
    if (random.one_in(2)) record.key = random.bytes(random.below(16));
    if (random.one_in(8)) record.headers.emplace_back("origin", Buffer(text.begin(), text.end()));
    return record;
}

void add_to(BatchBuilder& builder, const SimRecord& record) {
    const auto view = [](const std::optional<Buffer>& bytes) {
        return bytes ? std::optional<ByteView>(ByteView(*bytes)) : std::nullopt;
    };
    std::vector<RecordHeader> headers;
    for (const auto& [name, value] : record.headers) headers.push_back({name, value});
    builder.add(record.timestamp_ms, view(record.key), view(record.value), headers);
}

PlainProducer::PlainProducer(World& world, Network& network, const std::string& connection, Random random)
    : Client(world, network, connection, random), merges_(random_.one_in(2)), most_in_flight_(random_.magnitude(1, 64)) {}

void PlainProducer::begin() { step(); }

void PlainProducer::step() {
    const std::uint64_t now_us = world_.clock.now_us();
    std::erase_if(in_flight_, [&](const auto& sent) { return sent.second + kPatienceUs < now_us; });
    if (!world_.calm)
        for (std::uint64_t n = random_.between(1, 6); n > 0 && in_flight_.size() < most_in_flight_; --n) produce();
    after(pause_us(), [this] { step(); });
}

void PlainProducer::produce() {
    const std::string topic = any_topic();
    ProduceRequest request;
    request.topic = topic;
    request.merge_answers = merges_;
    request.acks = random_.one_in(3) ? Acks::leader : random_.one_in(8) ? Acks::none : Acks::all;
    std::uint64_t id = 0;
    if (random_.one_in(3)) {
        constexpr Codec kCodecs[] = {Codec::none, Codec::none, Codec::zstd, Codec::lz4};
        BatchBuilder builder(kCodecs[random_.below(4)]);
        for (std::uint64_t n = random_.between(1, 8); n > 0; --n)
            add_to(builder, draw_record(random_, connection_, ++records_made_, world_.clock.wall_ms()));
        request.partition = any_partition();
        id = send(request, builder.finish());
    } else {
        const SimRecord record = draw_record(random_, connection_, ++records_made_, world_.clock.wall_ms());
        request.value = ByteView(*record.value);
        if (record.key) request.key = ByteView(*record.key);
        if (!random_.one_in(3)) request.partition = any_partition();
        if (random_.one_in(2)) request.timestamp_ms = record.timestamp_ms;
        id = send(request);
    }
    if (request.acks != Acks::none) in_flight_[id] = world_.clock.now_us();
}

void PlainProducer::on_answer(ByteView header, const std::vector<SharedBytes>&) {
    const auto response = decode_response(header, api_index<ProduceRequest>());
    if (!response.ok()) return;  // the checker of answers has complained already
    const auto* produced = std::get_if<ProduceResponse>(&response->body);
    for (std::uint64_t i = 0; i < (produced ? produced->count : 1); ++i) in_flight_.erase(response->correlation_id + i);
}

}  // namespace sedge::sim
