// Every limit of the protocol, by name, in one place. What belongs to one node's configuration (memory budgets, disk)
// is in node/core/options.h; what is here is part of the contract with every client.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sedge::limits {

// The version of requests and responses that this build speaks.
inline constexpr std::uint32_t kProtocolVersion = 1;

inline constexpr std::size_t kMaxFrameBytes = 8u << 20;         // one zmq frame
inline constexpr std::size_t kMaxFramesPerMessage = 64;         // frames of one request, without the identity
inline constexpr std::size_t kMaxHeaderBytes = 2u << 20;        // the msgpack header of a request
inline constexpr std::size_t kMaxBatchBytes = 4u << 20;         // one record batch, header included; a topic may set less
inline constexpr std::size_t kDefaultBatchBytes = 1u << 20;     // a topic's max_batch_bytes unless it says otherwise
inline constexpr std::size_t kMinBatchBytes = 1024;             // the least that max_batch_bytes may be
inline constexpr std::size_t kMaxDecompressedBytes = 16u << 20; // a batch's body after decompression
inline constexpr std::size_t kMaxRecordBytes = 4u << 20;        // one record, not compressed: an answer with it fits a frame
inline constexpr std::uint32_t kMaxRecordsPerBatch = 1u << 20;
inline constexpr std::size_t kMaxRecordHeaders = 64;            // headers of one record
inline constexpr std::size_t kMaxTopicNameBytes = 249;          // [a-zA-Z0-9._-]+, neither "." nor ".."
inline constexpr std::size_t kMaxTopics = 10'000;
inline constexpr std::uint32_t kMaxPartitionsPerTopic = 10'000;
inline constexpr std::size_t kMaxPartitionsPerNode = 100'000;
inline constexpr std::uint32_t kMaxReplicas = 7;
inline constexpr std::size_t kMaxNodes = 256;                   // of one mesh
inline constexpr std::size_t kMaxNodeNameBytes = 64;
inline constexpr std::size_t kMaxFetchBytes = 4u << 20;         // bodies of one fetch answer; one batch always fits
inline constexpr std::size_t kDefaultFetchBytes = 1u << 20;
inline constexpr std::uint32_t kMaxFetchWaitMs = 60'000;
inline constexpr std::size_t kMaxPlainRecords = 10'000;         // records in one plain fetch answer
inline constexpr int kMaxMsgpackDepth = 16;
inline constexpr std::size_t kBatchesInFlight = 5;              // per idempotent producer and partition

}  // namespace sedge::limits
