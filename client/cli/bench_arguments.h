// What the `sedge bench` commands are told. 0 and "" mean the verb's own default.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sedge::cli {

struct Context;

struct BenchArguments {
    std::string topic;                // default: one of its own, deleted afterwards
    std::uint64_t size_bytes = 0;     // to store or read in each round
    std::uint64_t records = 0;        // in each round; with size_bytes, the smaller of both
    std::uint32_t record_bytes = 0;
    std::uint32_t batch_bytes = 0;
    std::uint32_t in_flight = 0;      // requests that wait for their answer
    std::uint32_t partitions = 0;
    std::uint32_t rounds = 5;         // limit and work take turns; the medians count
    std::uint32_t warm_up = 0;        // rounds of the work before, which do not count
    std::string acks = "all";
    std::string durability = "fsync"; // of a topic of its own
    std::uint32_t replicas = 1;       // the same
    std::string directory = ".";      // the disk's limits are taken there
    std::string sedged;               // restart: the program; default: the one beside this one
    bool per_request = false;         // a request for every record
    bool library = false;             // through libsedge, instead of straight on a socket
    bool no_limit = false;            // only the work, without the limit beside it
    std::vector<std::string> limits;  // `bench limits`: which ones
};

// Each runs one verb and returns an ExitCode.
int bench_limits(const Context& context, const BenchArguments& arguments);
int bench_produce(const Context& context, const BenchArguments& arguments);
int bench_consume(const Context& context, const BenchArguments& arguments);
int bench_latency(const Context& context, const BenchArguments& arguments);
int bench_partitions(const Context& context, const BenchArguments& arguments);
int bench_restart(const Context& context, const BenchArguments& arguments);

}  // namespace sedge::cli
