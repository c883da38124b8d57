#include "node/core/register_codec.h"

#include "schema/msgpack.h"

namespace sedge::node {
namespace {

using namespace register_limits;

// The place of a request or reply in its variant is its number on the wire.
constexpr std::uint64_t kPrepare = 0, kAccept = 1, kFence = 2;
constexpr std::uint64_t kPromised = 0, kAccepted = 1, kOutbid = 2, kOutOfDate = 3, kFenced = 4;

// --- Writing ---

void write(MsgpackWriter& writer, const Ballot& ballot) {
    writer.array(3);
    writer.uint(ballot.counter);
    writer.uint(ballot.proposer.value);
    writer.uint(ballot.nonce);
}

void write(MsgpackWriter& writer, const ChosenValue& chosen) {
    writer.array(2);
    write(writer, chosen.ballot);
    writer.bin(chosen.value);
}

void write(MsgpackWriter& writer, const AcceptorRequest& request) {
    writer.array(5);
    writer.uint(request.index());
    const auto fields = [&](std::string_view key, const Ballot& ballot, ByteView value, std::uint64_t voter_set) {
        writer.str(key);
        write(writer, ballot);
        writer.bin(value);
        writer.uint(voter_set);
    };
    if (const auto* prepare = std::get_if<Prepare>(&request)) return fields(prepare->key, prepare->ballot, {}, prepare->voter_set);
    if (const auto* accept = std::get_if<Accept>(&request))
        return fields(accept->key, accept->ballot, accept->value, accept->voter_set);
    fields({}, {}, {}, std::get<Fence>(request).voter_set);
}

void write(MsgpackWriter& writer, const AcceptorReply& reply) {
    writer.array(7);
    writer.uint(reply.index());
    const auto fields = [&](std::string_view key, const Ballot& ballot, const Ballot& other, ByteView value, std::uint64_t voter_set,
                            const std::vector<RegisterKey>& keys) {
        writer.str(key);
        write(writer, ballot);
        write(writer, other);
        writer.bin(value);
        writer.uint(voter_set);
        writer.array(static_cast<std::uint32_t>(keys.size()));
        for (const RegisterKey& each : keys) writer.str(each);
    };
    if (const auto* promised = std::get_if<Promised>(&reply))
        return fields(promised->key, promised->ballot, promised->accepted_ballot, promised->accepted_value, 0, {});
    if (const auto* accepted = std::get_if<Accepted>(&reply)) return fields(accepted->key, accepted->ballot, {}, {}, 0, {});
    if (const auto* outbid = std::get_if<Outbid>(&reply)) return fields(outbid->key, outbid->ballot, outbid->promised, {}, 0, {});
    if (const auto* newer = std::get_if<OutOfDate>(&reply)) return fields(newer->key, newer->ballot, {}, {}, newer->voter_set, {});
    const auto& fenced = std::get<Fenced>(reply);
    fields({}, {}, {}, {}, fenced.voter_set, fenced.keys);
}

// --- Reading ---

bool read(MsgpackReader& reader, std::uint64_t& out) {
    const auto value = reader.uint();
    if (value) out = *value;
    return value.has_value();
}

bool read(MsgpackReader& reader, Ballot& ballot) {
    return reader.array() == 3u && read(reader, ballot.counter) && ballot.counter <= kMaxCounter && read(reader, ballot.proposer.value) &&
           read(reader, ballot.nonce);
}

bool read_key(MsgpackReader& reader, RegisterKey& key) {
    const auto text = reader.str();
    if (!text || text->size() > kMaxKeyBytes) return false;
    key = *text;
    return true;
}

bool read_value(MsgpackReader& reader, RegisterValue& value) {
    const auto bytes = reader.bin();
    if (!bytes || bytes->size() > kMaxValueBytes) return false;
    value.assign(bytes->begin(), bytes->end());
    return true;
}

bool read(MsgpackReader& reader, ChosenValue& chosen) {
    return reader.array() == 2u && read(reader, chosen.ballot) && read_value(reader, chosen.value);
}

bool read(MsgpackReader& reader, AcceptorRequest& request) {
    std::uint64_t kind = 0, voter_set = 0;
    RegisterKey key;
    Ballot ballot;
    RegisterValue value;
    if (reader.array() != 5u || !read(reader, kind) || !read_key(reader, key) || !read(reader, ballot) || !read_value(reader, value) ||
        !read(reader, voter_set))
        return false;
    switch (kind) {
        case kPrepare: request = Prepare{std::move(key), ballot, voter_set}; return true;
        case kAccept: request = Accept{std::move(key), ballot, std::move(value), voter_set}; return true;
        case kFence: request = Fence{voter_set}; return true;
        default: return false;
    }
}

bool read(MsgpackReader& reader, AcceptorReply& reply) {
    std::uint64_t kind = 0, voter_set = 0;
    RegisterKey key;
    Ballot ballot, other;
    RegisterValue value;
    if (reader.array() != 7u || !read(reader, kind) || !read_key(reader, key) || !read(reader, ballot) || !read(reader, other) ||
        !read_value(reader, value) || !read(reader, voter_set))
        return false;
    const auto size = reader.array();
    if (!size || *size > kMaxKeys) return false;
    std::vector<RegisterKey> keys(*size);
    for (RegisterKey& each : keys)
        if (!read_key(reader, each)) return false;
    switch (kind) {
        case kPromised: reply = Promised{std::move(key), ballot, other, std::move(value)}; return true;
        case kAccepted: reply = Accepted{std::move(key), ballot}; return true;
        case kOutbid: reply = Outbid{std::move(key), ballot, other}; return true;
        case kOutOfDate: reply = OutOfDate{std::move(key), ballot, voter_set}; return true;
        case kFenced: reply = Fenced{voter_set, std::move(keys)}; return true;
        default: return false;
    }
}

}  // namespace

void encode_acceptor_call(const AcceptorCall& call, Buffer& out) {
    MsgpackWriter writer(out);
    writer.array(3);
    writer.uint(call.to.value);
    write(writer, call.voters);
    write(writer, call.request);
}

void encode_acceptor_answer(const AcceptorAnswer& answer, Buffer& out) {
    MsgpackWriter writer(out);
    writer.array(2);
    writer.uint(answer.from.value);
    write(writer, answer.reply);
}

void encode_register_news(const RegisterNews& news, Buffer& out) {
    MsgpackWriter writer(out);
    writer.array(static_cast<std::uint32_t>(news.size() * 2));
    for (const auto& [key, chosen] : news) {
        writer.str(key);
        write(writer, chosen);
    }
}

void encode_register_digest(const RegisterDigest& digest, Buffer& out) {
    MsgpackWriter writer(out);
    writer.array(4);
    writer.str(digest.first);
    writer.str(digest.last);
    writer.boolean(digest.wants_answer);
    writer.array(static_cast<std::uint32_t>(digest.known.size() * 2));
    for (const auto& [key, ballot] : digest.known) {
        writer.str(key);
        write(writer, ballot);
    }
}

void encode_acceptor_record(const AcceptorRecord& record, Buffer& out) {
    MsgpackWriter writer(out);
    writer.array(4);
    writer.str(record.key);
    write(writer, record.promised);
    write(writer, record.accepted);
    writer.bin(record.value);
}

void encode_fence_record(const FenceRecord& record, Buffer& out) {
    MsgpackWriter writer(out);
    writer.array(2);
    writer.uint(record.number);
    write(writer, record.voters);
}

std::optional<AcceptorCall> decode_acceptor_call(ByteView bytes) {
    MsgpackReader reader(bytes);
    AcceptorCall call;
    const bool good = reader.array() == 3u && read(reader, call.to.value) && read(reader, call.voters) && read(reader, call.request);
    return good && reader.at_end() ? std::optional(std::move(call)) : std::nullopt;
}

std::optional<AcceptorAnswer> decode_acceptor_answer(ByteView bytes) {
    MsgpackReader reader(bytes);
    AcceptorAnswer answer;
    const bool good = reader.array() == 2u && read(reader, answer.from.value) && read(reader, answer.reply);
    return good && reader.at_end() ? std::optional(std::move(answer)) : std::nullopt;
}

std::optional<RegisterNews> decode_register_news(ByteView bytes) {
    MsgpackReader reader(bytes);
    const auto size = reader.array();
    if (!size || *size % 2 != 0 || *size / 2 > kNewsKeys) return std::nullopt;
    RegisterNews news(*size / 2);
    for (auto& [key, chosen] : news)
        if (!read_key(reader, key) || !read(reader, chosen)) return std::nullopt;
    return reader.at_end() ? std::optional(std::move(news)) : std::nullopt;
}

std::optional<RegisterDigest> decode_register_digest(ByteView bytes) {
    MsgpackReader reader(bytes);
    RegisterDigest digest;
    if (reader.array() != 4u || !read_key(reader, digest.first) || !read_key(reader, digest.last)) return std::nullopt;
    const auto wants_answer = reader.boolean();
    const auto size = reader.array();
    if (!wants_answer || !size || *size % 2 != 0 || *size / 2 > kDigestKeys) return std::nullopt;
    digest.wants_answer = *wants_answer;
    digest.known.resize(*size / 2);
    for (auto& [key, ballot] : digest.known)
        if (!read_key(reader, key) || !read(reader, ballot)) return std::nullopt;
    return reader.at_end() ? std::optional(std::move(digest)) : std::nullopt;
}

std::optional<AcceptorRecord> decode_acceptor_record(ByteView bytes) {
    MsgpackReader reader(bytes);
    AcceptorRecord record;
    const bool good = reader.array() == 4u && read_key(reader, record.key) && read(reader, record.promised) &&
                      read(reader, record.accepted) && read_value(reader, record.value);
    return good && reader.at_end() ? std::optional(std::move(record)) : std::nullopt;
}

std::optional<FenceRecord> decode_fence_record(ByteView bytes) {
    MsgpackReader reader(bytes);
    FenceRecord record;
    const bool good = reader.array() == 2u && read(reader, record.number) && read(reader, record.voters);
    return good && reader.at_end() ? std::optional(std::move(record)) : std::nullopt;
}

}  // namespace sedge::node
