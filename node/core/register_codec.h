// How the messages about registers, and an acceptor's memory, are written. Every list is bounded, everything read is checked.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "node/core/acceptor.h"
#include "node/core/register_messages.h"
#include "schema/bytes.h"

namespace sedge::node {

// A value known to be chosen, and the ballot that chose it.
struct ChosenValue {
    Ballot ballot;
    RegisterValue value;
    bool operator==(const ChosenValue&) const = default;
};

// To an acceptor. The configuration that the sender goes by travels along: whoever is fenced by it knows it.
struct AcceptorCall {
    AcceptorId to;
    ChosenValue voters;
    AcceptorRequest request;
};

struct AcceptorAnswer {
    AcceptorId from;
    AcceptorReply reply;
};

using RegisterNews = std::vector<std::pair<RegisterKey, ChosenValue>>;

// What the sender knows of the registers from `first` to `last`. `wants_answer`: the other is to say what it knows, too.
struct RegisterDigest {
    RegisterKey first;
    RegisterKey last;  // empty: to the end
    bool wants_answer = false;
    std::vector<std::pair<RegisterKey, Ballot>> known;
};

// What an acceptor has fenced itself by: a configuration's number, and the configuration.
struct FenceRecord {
    std::uint64_t number = 0;
    ChosenValue voters;
};

void encode_acceptor_call(const AcceptorCall& call, Buffer& out);
void encode_acceptor_answer(const AcceptorAnswer& answer, Buffer& out);
void encode_register_news(const RegisterNews& news, Buffer& out);
void encode_register_digest(const RegisterDigest& digest, Buffer& out);
void encode_acceptor_record(const AcceptorRecord& record, Buffer& out);
void encode_fence_record(const FenceRecord& record, Buffer& out);
// nullopt if the bytes are none.
std::optional<AcceptorCall> decode_acceptor_call(ByteView bytes);
std::optional<AcceptorAnswer> decode_acceptor_answer(ByteView bytes);
std::optional<RegisterNews> decode_register_news(ByteView bytes);
std::optional<RegisterDigest> decode_register_digest(ByteView bytes);
std::optional<AcceptorRecord> decode_acceptor_record(ByteView bytes);
std::optional<FenceRecord> decode_fence_record(ByteView bytes);

namespace register_limits {
inline constexpr std::size_t kMaxKeyBytes = 320;
inline constexpr std::size_t kMaxValueBytes = 64u << 10;
inline constexpr std::size_t kMaxKeys = 200'000;       // that an acceptor names at once
inline constexpr std::size_t kDigestKeys = 1'000;      // in one digest
inline constexpr std::size_t kNewsKeys = 10'000;       // in one message of news
inline constexpr std::uint64_t kMaxCounter = std::uint64_t{1} << 56;  // of a ballot: nobody counts so far, but a forger may
inline constexpr std::size_t kNewsBytes = 512u << 10;  // in one message; one value may exceed it
}  // namespace register_limits

}  // namespace sedge::node
