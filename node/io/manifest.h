// The list of a journal's segments: a small checksummed file that is replaced as a whole. It says which files belong to the journal, in
// which order, and which of them were sealed; whatever else lies in the directory is not the journal's.
//
// A text file, so that a person can read it in an emergency: "sedge-manifest 1", "keep ID", a line a segment, "crc HEX".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "schema/status.h"

namespace sedge::node {

enum class SegmentState : std::uint8_t {
    fresh,   // listed, but nothing in it has been promised to anybody
    open,    // its checkpoint is safely on the disk
    sealed,  // it never changes again
    damaged, // sealed, but it is not known what all of it held: it is kept, whatever is dead
};

struct SegmentRecord {
    std::uint64_t id = 0;
    std::uint64_t nonce = 0;
    SegmentState state = SegmentState::fresh;
    std::uint64_t first_sequence = 0;
    std::uint64_t last_sequence = 0;  // sealed only; 0: it holds nothing
    std::uint64_t used_bytes = 0;     // sealed only: where the index block begins

    bool is_sealed() const { return state == SegmentState::sealed || state == SegmentState::damaged; }
    bool operator==(const SegmentRecord&) const = default;
};

struct Manifest {
    // A start that could not read everything does not know all that lives: segments up to this one go only when each of their
    // records is known to be dead. 0: none.
    std::uint64_t keep_to = 0;
    std::vector<SegmentRecord> segments;  // by rising id
    bool operator==(const Manifest&) const = default;
};

std::string encode_manifest(const Manifest& manifest);
// storage_failed if the text is not exactly a manifest.
Result<Manifest> decode_manifest(std::string_view text);

// "0000000000000012.seg"
std::string segment_file_name(std::uint64_t id);
// The id in such a name; nullopt if it is not one.
std::optional<std::uint64_t> segment_id_of(std::string_view file_name);

inline constexpr const char* kManifestName = "manifest";

}  // namespace sedge::node
