// Reads one run of batches and verifies them. Behind a damaged batch or header it finds the next one that is whole.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "node/io/journal_catalogue.h"
#include "schema/bytes.h"

namespace sedge::node {

class BatchRunReader {
  public:
    // The whole run is in memory then. False: the disk or a resource failed.
    bool load(const JournalCatalogue::Location& at, const PartitionId& partition);

    struct Batch {
        ByteView bytes;  // valid until load() or take()
        Offset base, end;
    };
    // The next intact batch, or nullopt at the run's end. Whether something before it was damaged shows in its base.
    std::optional<Batch> next();
    // Keeps `batch` for take(). A small one moves to those kept before it; one that is worth a frame of its own stays where it is.
    void keep(const Batch& batch);
    std::size_t kept_bytes() const { return kept_; }
    // Appends what was kept, in order.
    void take(std::vector<SharedBytes>& out);

  private:
    ByteView bytes() const { return {buffer_.get(), size_}; }
    PartitionId partition_;
    std::uint64_t nonce_ = 0;
    Offset end_;
    std::shared_ptr<std::byte[]> buffer_;
    std::size_t size_ = 0;
    std::size_t at_ = 0;
    struct Part {
        std::size_t at, size;
    };
    std::vector<Part> parts_;
    std::size_t kept_ = 0;
};

}  // namespace sedge::node
