// Turns batches into single records, for clients that do not read batches.
#pragma once

#include <span>
#include <vector>

#include "schema/bytes.h"
#include "schema/response.h"
#include "schema/status.h"

namespace sedge::node {

// Appends the records from `from` on, up to limits::kMaxPlainRecords and about max_bytes of keys, values and headers; one at least.
// `batches`: each one or more whole batches, checked. corrupt_batch if one does not parse after all.
Status read_plain_records(std::span<const SharedBytes> batches, Offset from, std::size_t max_bytes, std::vector<PlainRecord>& out);

}  // namespace sedge::node
