// Reads records from segment files: finds them in the catalogue, reads them with pread, verifies every batch before it is served.
// Thread-safe. A disk or resource that fails for now is `failed`, never damage: damage is what was read and does not verify.
#pragma once

#include "node/core/effects.h"
#include "node/io/health_board.h"
#include "node/io/journal_catalogue.h"

namespace sedge::node {

class JournalReader {
  public:
    JournalReader(JournalCatalogue& catalogue, HealthBoard& health) : catalogue_(catalogue), health_(health) {}
    ReadResult read(const ReadRecords& request);
    ReadResult find(const FindTime& request);

  private:
    ReadResult damaged_from(const ReadRecords& request, Offset at);
    JournalCatalogue& catalogue_;
    HealthBoard& health_;
};

}  // namespace sedge::node
