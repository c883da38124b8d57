// What peers say to each other, and what registers hold: envelopes, gossip, joining, registers' calls and news, replication, voter sets,
// partition registers, topic descriptions.
#include "node/core/catalogue.h"
#include "node/core/gossip_message.h"
#include "node/core/join_message.h"
#include "node/core/partition_register.h"
#include "node/core/peer_envelope.h"
#include "node/core/register_codec.h"
#include "node/core/replica_messages.h"
#include "node/core/voter_set.h"
#include "tests/fuzz/fuzz_input.h"

using namespace sedge;

namespace {

// What was read and written again must be read again, and be written the same: then nothing is lost between them.
template <class Value>
void again(const std::optional<Value>& value, void (*encode)(const Value&, Buffer&), std::optional<Value> (*decode)(ByteView)) {
    if (!value) return;
    Buffer first, second;
    encode(*value, first);
    const auto same = decode(first);
    fuzz_require(same.has_value());
    encode(*same, second);
    fuzz_require(first == second);
}

void registers(ByteView bytes) {
    using namespace node;
    again(decode_acceptor_call(bytes), encode_acceptor_call, decode_acceptor_call);
    again(decode_acceptor_answer(bytes), encode_acceptor_answer, decode_acceptor_answer);
    again(decode_register_news(bytes), encode_register_news, decode_register_news);
    again(decode_register_digest(bytes), encode_register_digest, decode_register_digest);
    again(decode_acceptor_record(bytes), encode_acceptor_record, decode_acceptor_record);
    again(decode_fence_record(bytes), encode_fence_record, decode_fence_record);
}

void messages(ByteView bytes) {
    using namespace node;
    again(decode_peer_envelope(bytes), encode_peer_envelope, decode_peer_envelope);
    again(decode_join_request(bytes), encode_join_request, decode_join_request);
    again(decode_join_answer(bytes), encode_join_answer, decode_join_answer);
    again(decode_follows(bytes), encode_follows, decode_follows);
    again(decode_chunks(bytes), encode_chunks, decode_chunks);
    again(decode_progress(bytes), encode_progress, decode_progress);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes = fuzz_bytes(data, size);
    registers(bytes);
    messages(bytes);
    if (const auto gossip = node::decode_gossip(bytes)) {
        Buffer again;
        node::encode_gossip(*gossip, again);
        fuzz_require(node::decode_gossip(again).has_value());
    }
    if (const auto voters = node::decode_voter_set(bytes)) {
        Buffer again;
        node::encode_voter_set(*voters, again);
        fuzz_require(node::decode_voter_set(again) == voters);
    }
    if (const auto value = node::decode_partition_register(bytes)) {
        Buffer again;
        node::encode_partition_register(*value, again);
        fuzz_require(node::decode_partition_register(again) == value);
    }
    static_cast<void>(node::decode_topic(bytes));
    return 0;
}
