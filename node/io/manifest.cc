#include "node/io/manifest.h"

#include <algorithm>
#include <charconv>
#include <cinttypes>
#include <cstdio>
#include <iterator>
#include <sstream>

#include "schema/bytes.h"
#include "schema/crc32c.h"

namespace sedge::node {
namespace {

constexpr std::string_view kFirstLine = "sedge-manifest 1";
constexpr std::string_view kStates[] = {"fresh", "open", "sealed", "damaged"};  // by SegmentState

std::string crc_line(std::string_view text) {
    char line[32];
    std::snprintf(line, sizeof line, "crc %08" PRIx32 "\n", crc32c(as_bytes(text)));
    return line;
}

Status damaged() { return {ErrorCode::storage_failed, "the list of segments is damaged"}; }

bool read_segment(std::istringstream& fields, SegmentRecord& record) {
    std::string state;
    if (!(fields >> std::hex >> record.id >> record.nonce >> std::dec >> state >> record.first_sequence >> record.last_sequence >>
          record.used_bytes))
        return false;
    const auto known = std::find(std::begin(kStates), std::end(kStates), state);
    if (known == std::end(kStates)) return false;
    record.state = static_cast<SegmentState>(known - std::begin(kStates));
    return true;
}

}  // namespace

std::string encode_manifest(const Manifest& manifest) {
    std::ostringstream out;
    out << kFirstLine << "\nkeep " << std::hex << manifest.keep_to << std::dec << "\n";
    for (const SegmentRecord& record : manifest.segments)
        out << "segment " << std::hex << record.id << ' ' << record.nonce << std::dec << ' ' << kStates[static_cast<std::size_t>(record.state)]
            << ' ' << record.first_sequence << ' ' << record.last_sequence << ' ' << record.used_bytes << "\n";
    std::string text = out.str();
    return text + crc_line(text);
}

Result<Manifest> decode_manifest(std::string_view text) {
    const std::size_t crc_at = text.rfind("crc ");
    if (crc_at == std::string_view::npos || text.substr(crc_at) != crc_line(text.substr(0, crc_at))) return damaged();
    std::istringstream lines{std::string(text.substr(0, crc_at))};
    std::string line;
    if (!std::getline(lines, line) || line != kFirstLine) return damaged();
    Manifest manifest;
    while (std::getline(lines, line)) {
        std::istringstream fields(line);
        std::string kind;
        fields >> kind;
        if (kind == "keep" && (fields >> std::hex >> manifest.keep_to)) continue;
        SegmentRecord record;
        if (kind != "segment" || !read_segment(fields, record)) return damaged();
        if (!manifest.segments.empty() && manifest.segments.back().id >= record.id) return damaged();
        manifest.segments.push_back(record);
    }
    return manifest;
}

std::string segment_file_name(std::uint64_t id) {
    char name[32];
    std::snprintf(name, sizeof name, "%016" PRIx64 ".seg", id);
    return name;
}

std::optional<std::uint64_t> segment_id_of(std::string_view file_name) {
    constexpr std::string_view kSuffix = ".seg";
    if (!file_name.ends_with(kSuffix)) return std::nullopt;
    std::uint64_t id = 0;
    const char* const end = file_name.data() + file_name.size() - kSuffix.size();
    const auto [stop, error] = std::from_chars(file_name.data(), end, id, 16);
    if (error != std::errc() || stop != end || segment_file_name(id) != file_name) return std::nullopt;
    return id;
}

}  // namespace sedge::node
