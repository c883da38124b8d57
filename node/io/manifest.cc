#include "node/io/manifest.h"

#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "schema/bytes.h"
#include "schema/crc32c.h"

namespace sedge::node {
namespace {

constexpr std::string_view kFirstLine = "sedge-manifest 1";

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
    record.sealed = state == "sealed";
    return record.sealed || state == "open";
}

}  // namespace

std::string encode_manifest(const Manifest& manifest) {
    std::ostringstream out;
    out << kFirstLine << "\nboot " << (manifest.boot_id.empty() ? "-" : manifest.boot_id) << "\n";
    for (const SegmentRecord& record : manifest.segments)
        out << "segment " << std::hex << record.id << ' ' << record.nonce << std::dec << ' ' << (record.sealed ? "sealed" : "open")
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
        if (kind == "boot") {
            fields >> manifest.boot_id;
            if (manifest.boot_id == "-") manifest.boot_id.clear();
            continue;
        }
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

std::string current_boot_id() {
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::string id;
    file >> id;
    return id;
}

}  // namespace sedge::node
