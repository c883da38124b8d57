#include "node/io/node_identity.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <iomanip>
#include <optional>
#include <random>
#include <sstream>
#include <utility>

#include "node/io/file.h"
#include "node/io/process.h"
#include "schema/crc32c.h"

namespace sedge::node {
namespace {

constexpr const char* kLockName = "lock";
constexpr const char* kIdentityName = "identity";
constexpr const char* kCopyName = "identity.copy";
constexpr int kStartsDigits = 20;
constexpr std::uint64_t kMaxIdentityBytes = 64u << 10;
constexpr std::string_view kFirstLine = "sedge-node 2";
constexpr std::string_view kFirstLineWithoutId = "sedge-node 1";  // as written by 0.1

Status unusable(std::string what) { return {ErrorCode::invalid_config, std::move(what)}; }

// Makes the directory and what is above it; 0 or an errno value.
int make_directories(const std::string& path) {
    for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
        const std::string part = path.substr(0, slash);
        if (::mkdir(part.c_str(), 0750) != 0 && errno != EEXIST) return errno;
        if (slash == std::string::npos) return 0;
    }
}

std::string parent_of(const std::string& path) {
    const auto end = path.find_last_not_of('/');
    const auto slash = path.substr(0, end == std::string::npos ? 0 : end + 1).rfind('/');
    return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

// Makes the names of new directories durable, from `path` upwards: without it a power cut takes all that was stored below. Also when
// they were there already: the start that made them may have ended before this. Who may not read a directory did not make it.
int sync_names(std::string path) {
    while (true) {
        path = parent_of(path);
        const int error = sync_directory(path);
        if (error == EACCES || error == EPERM) return 0;
        if (error != 0 && error != EINVAL && error != EROFS) return error;
        if (path == "/" || path == ".") return 0;
    }
}

}  // namespace

std::string DataDirectory::new_mesh_id() {
    std::random_device device;
    char text[33];
    std::snprintf(text, sizeof text, "%08x%08x%08x%08x", device(), device(), device(), device());
    return text;
}

namespace {

// An identity without an id is written as it was before there were ids.
std::string encode(const NodeIdentity& identity) {
    std::ostringstream out;
    // Always as long, so that it can be written over where it is.
    out << (identity.node_id == 0 ? kFirstLineWithoutId : kFirstLine) << "\nmesh " << identity.mesh_id << "\nname " << identity.node_name;
    if (identity.node_id != 0) out << "\nfounded " << (identity.founded ? 1 : 0) << "\nnode " << std::hex << std::setw(16) << std::setfill('0') << identity.node_id << std::dec;
    out << "\nstarts " << std::setw(kStartsDigits)
        << std::setfill('0') << identity.starts << "\n";
    const std::string text = out.str();
    char crc[32];
    std::snprintf(crc, sizeof crc, "crc %08" PRIx32 "\n", crc32c(as_bytes(text)));
    return text + crc;
}

bool decode(std::string_view text, NodeIdentity& identity) {
    std::istringstream lines{std::string(text)};
    std::string first, mesh, name, starts;
    if (!std::getline(lines, first) || (first != kFirstLine && first != kFirstLineWithoutId)) return false;
    if (!(lines >> mesh >> identity.mesh_id) || mesh != "mesh" || identity.mesh_id.size() != 32) return false;
    if (!(lines >> name >> std::ws) || name != "name" || !std::getline(lines, identity.node_name)) return false;
    // Before there were ids every node was a mesh of its own.
    identity.founded = true;
    std::string founded;
    if (first == kFirstLine && (!(lines >> founded >> identity.founded) || founded != "founded")) return false;
    if (first == kFirstLine && (!(lines >> name >> std::hex >> identity.node_id >> std::dec) || name != "node")) return false;
    if (!(lines >> starts >> identity.starts) || starts != "starts") return false;
    return encode(identity) == text;
}

// The identity is kept twice, one after the other written, so that damage to one file does not cost a node its life. The copy goes first:
// whichever of the two is left knows of every start that may have been used.
Result<NodeIdentity> read_identity(const std::string& path, const std::string& node_name) {
    std::optional<NodeIdentity> found;
    std::string damaged;
    for (const char* name : {kCopyName, kIdentityName}) {
        const std::string file_path = path + "/" + name;
        const File file = File::open(file_path, O_RDONLY);
        if (!file.is_open() && errno == ENOENT) continue;
        if (!file.is_open()) return unusable("cannot read " + file_path + ": " + std::strerror(errno));
        Buffer bytes(static_cast<std::size_t>(std::min<std::uint64_t>(file.size_bytes(), kMaxIdentityBytes)));
        NodeIdentity identity;
        if (file.read_at(0, bytes) != static_cast<std::int64_t>(bytes.size()) || !decode(as_text(bytes), identity))
            damaged = file_path;
        else if (!found || identity.starts >= found->starts)
            found = std::move(identity);
    }
    if (found) return *found;
    if (!damaged.empty()) return unusable(damaged + " is damaged or of another version; restore it from a backup");
    // A journal without its identity is somebody's data with a file missing, not an empty directory.
    struct stat about{};
    if (::stat((path + "/journal/manifest").c_str(), &about) == 0)
        return unusable(path + "/" + kIdentityName + " is missing, but a log is there; put the file back or move the directory away");
    return NodeIdentity{kNoMesh, false, 0, node_name, 0};
}

// 0 or an errno value. On a full disk a file is written over in place: a crash in the middle costs this one of the two.
int store_identity(const std::string& path, const NodeIdentity& identity) {
    const std::string text = encode(identity);
    for (const char* name : {kCopyName, kIdentityName}) {
        int error = replace_file(path, name, as_bytes(text));
        if (error == ENOSPC || error == EDQUOT) {
            const File file = File::open(path + "/" + name, O_WRONLY);
            if (file.is_open() && file.size_bytes() == text.size()) error = file.write_at(0, as_bytes(text));
            if (error == 0) error = file.sync();
        }
        if (error != 0) return error;
    }
    return 0;
}

}  // namespace

Result<DataDirectory> DataDirectory::open(const std::string& path, const std::string& node_name) {
    int error = make_directories(path + "/journal");
    if (error == 0) error = sync_names(path + "/journal");
    if (error != 0)
        return unusable("cannot use the data directory " + path + ": " + std::strerror(error) + "; choose another with --data");
    const std::string lock_path = path + "/" + kLockName;
    const int lock_fd = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (lock_fd < 0) return unusable("cannot write to the data directory " + path + ": " + std::strerror(errno));
    File lock(lock_fd);
    if (::flock(lock_fd, LOCK_EX | LOCK_NB) != 0)
        return unusable("the data directory " + path + " is in use by another sedged; stop it, or give this one its own --data");
    auto identity = read_identity(path, node_name);
    if (!identity.ok()) return identity.status();
    ++identity->starts;
    if (identity->mesh_id == kNoMesh) identity->node_name = node_name;  // a mesh may have refused the one that it had
    while (identity->node_id == 0) identity->node_id = random_bits();
    error = store_identity(path, *identity);
    if (error != 0)
        return unusable("cannot write " + path + "/" + kIdentityName + ": " + std::strerror(error));
    const int kept = ::dup(lock_fd);  // the lock belongs to the open file, which this descriptor shares
    if (kept < 0) return unusable("cannot keep the lock of " + path + ": " + std::strerror(errno));
    ::fcntl(kept, F_SETFD, FD_CLOEXEC);
    return DataDirectory(path, kept, std::move(*identity));
}

Status DataDirectory::adopt_mesh(const std::string& mesh_id, bool founded) {
    NodeIdentity changed = identity_;
    changed.mesh_id = mesh_id;
    changed.founded = founded;
    if (const int error = store_identity(path_, changed); error != 0)
        return unusable("cannot write " + path_ + "/" + kIdentityName + ": " + std::strerror(error));
    identity_ = std::move(changed);
    return {};
}

DataDirectory::DataDirectory(std::string path, int lock_fd, NodeIdentity identity)
    : path_(std::move(path)), lock_fd_(lock_fd), identity_(std::move(identity)) {}

DataDirectory::DataDirectory(DataDirectory&& other) noexcept
    : path_(std::move(other.path_)), lock_fd_(std::exchange(other.lock_fd_, -1)), identity_(std::move(other.identity_)) {}

DataDirectory& DataDirectory::operator=(DataDirectory&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(lock_fd_, other.lock_fd_);
    std::swap(identity_, other.identity_);
    return *this;
}

DataDirectory::~DataDirectory() {
    if (lock_fd_ >= 0) ::close(lock_fd_);
}

}  // namespace sedge::node
