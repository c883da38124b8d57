// What peers and registers hold: gossip, voter sets, partition registers, topic descriptions.
#include "node/core/catalogue.h"
#include "node/core/gossip_message.h"
#include "node/core/partition_register.h"
#include "node/core/voter_set.h"
#include "tests/fuzz/fuzz_input.h"

using namespace sedge;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes = fuzz_bytes(data, size);
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
