// The list of a journal's segments: a small checksummed file that is replaced as a whole. It says which files belong to the journal, in
// which order, and which of them were sealed; whatever else lies in the directory is not the journal's.
//
// A text file, so that a person can read it in an emergency: "sedge-manifest 1", "boot ID", a line a segment, "crc HEX".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "schema/status.h"

namespace sedge::node {

struct SegmentRecord {
    std::uint64_t id = 0;
    std::uint64_t nonce = 0;
    bool sealed = false;
    std::uint64_t first_sequence = 0;
    std::uint64_t last_sequence = 0;  // sealed only
    std::uint64_t used_bytes = 0;     // sealed only: where the index block begins
    bool operator==(const SegmentRecord&) const = default;
};

struct Manifest {
    std::string boot_id;  // of the kernel that wrote to the open segment: another one means that its page cache is gone
    std::vector<SegmentRecord> segments;  // by rising id
    bool operator==(const Manifest&) const = default;
};

std::string encode_manifest(const Manifest& manifest);
// storage_failed if the text is not exactly a manifest.
Result<Manifest> decode_manifest(std::string_view text);

// "0000000000000012.seg"
std::string segment_file_name(std::uint64_t id);
// This boot's id, "" if the system does not say.
std::string current_boot_id();

}  // namespace sedge::node
