#include "node/io/process.h"

#include <malloc.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>

namespace sedge::node {
namespace {

// A megabyte that is mapped and unmapped for every message costs more in page faults than in copying.
constexpr int kMmapThresholdBytes = 16 << 20;
constexpr int kTrimThresholdBytes = 16 << 20;
constexpr int kArenas = 2;

}  // namespace

std::size_t reserve_descriptors(std::size_t needed) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return needed;
    const auto wanted = std::min<rlim_t>(std::max<rlim_t>(needed, limit.rlim_cur), limit.rlim_max);
    if (wanted > limit.rlim_cur) {
        rlimit raised{wanted, limit.rlim_max};
        if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit.rlim_cur = wanted;
    }
    return static_cast<std::size_t>(limit.rlim_cur);
}

void tune_allocator() {
    ::mallopt(M_MMAP_THRESHOLD, kMmapThresholdBytes);
    ::mallopt(M_TRIM_THRESHOLD, kTrimThresholdBytes);
    ::mallopt(M_ARENA_MAX, kArenas);
}

void trim_memory() { ::malloc_trim(0); }

ProcessMemory process_memory() {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen("/proc/self/statm", "re"), &std::fclose);
    unsigned long total = 0, resident = 0, shared = 0;
    if (!file || std::fscanf(file.get(), "%lu %lu %lu", &total, &resident, &shared) != 3) return {};
    const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    return {resident * page, (resident - std::min(resident, shared)) * page};
}

std::uint64_t random_bits() {
    std::uint64_t bits = 0;
    if (::getrandom(&bits, sizeof bits, 0) != static_cast<ssize_t>(sizeof bits)) std::abort();  // no entropy: no identity
    return bits;
}

}  // namespace sedge::node
