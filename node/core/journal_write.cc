#include "node/core/journal_write.h"

namespace sedge::node {

std::uint64_t journal_cost(const JournalWrite& write) {
    constexpr std::uint64_t kAlignment = 8;
    std::uint64_t bytes = kJournalValueHeaderBytes;
    for (const JournalEntry& entry : write.entries)
        bytes += kJournalEntryHeaderBytes + (entry.payload.size() + kAlignment - 1) / kAlignment * kAlignment;
    const std::uint64_t pages = (bytes + kJournalPageBytes - 1) / kJournalPageBytes;
    return (pages + 2) * kJournalPageBytes;  // a page's own header may spill into one more, and the tree takes one
}

}  // namespace sedge::node
