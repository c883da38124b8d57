// Makes a segment's index again from the segment itself: after a crash, and where the stored index is damaged.
#pragma once

#include <cstdint>
#include <vector>

#include "node/io/segment_index.h"
#include "node/io/segment_scan.h"

namespace sedge::node {

struct RebuiltIndex {
    SegmentIndexBuilder index;
    bool is_whole = true;  // false: some entry's header is damaged; what it held is not in the index
    struct Lost {
        PartitionId partition;
        Offset base, end;
    };
    std::vector<Lost> lost;  // batches whose own header is damaged
};

RebuiltIndex rebuild_index(const File& file, const std::vector<ScannedValue>& values);

}  // namespace sedge::node
