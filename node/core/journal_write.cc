#include "node/core/journal_write.h"

namespace sedge::node {

std::uint64_t journal_entry_bytes(std::uint64_t payload_bytes) {
    constexpr std::uint64_t kAlignment = 8;
    return kJournalEntryHeaderBytes + (payload_bytes + kAlignment - 1) / kAlignment * kAlignment;
}

std::uint64_t journal_cost_of(std::uint64_t entry_bytes) {
    const std::uint64_t pages = (kJournalValueHeaderBytes + entry_bytes + kJournalPageBytes - 1) / kJournalPageBytes;
    return (pages + 2) * kJournalPageBytes;  // a page's own header may spill into one more, and the tree takes one
}

std::uint64_t journal_cost(const JournalWrite& write) {
    std::uint64_t bytes = 0;
    for (const JournalEntry& entry : write.entries) bytes += journal_entry_bytes(entry.payload.size());
    return journal_cost_of(bytes);
}

}  // namespace sedge::node
