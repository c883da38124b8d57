#include "node/io/segment_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>

#include "node/io/file.h"
#include "node/io/segment_writer.h"

namespace sedge::node {
namespace {

constexpr const char* kPreparedName = "next.tmp";
constexpr const char* kEmergencyName = "emergency.tmp";
constexpr const char* kReserveName = "reserve.tmp";
constexpr std::string_view kSpareSuffix = ".spare";  // its blocks were written once
constexpr std::string_view kBlankSuffix = ".blank";  // its blocks are only reserved
constexpr std::uint64_t kReserveBytes = 1u << 20;
constexpr auto kRetryAfter = std::chrono::seconds(1);

bool means_full(int error) { return error == ENOSPC || error == EDQUOT || error == EFBIG; }

}  // namespace

SegmentStore::SegmentStore(std::string directory, std::uint64_t file_bytes, std::size_t max_spares, std::function<void()> changed)
    : directory_(std::move(directory)), file_bytes_(file_bytes), max_spares_(std::max<std::size_t>(max_spares, 1)), changed_(std::move(changed)) {}

SegmentStore::~SegmentStore() { stop(); }

std::string SegmentStore::spare_name(std::string_view suffix) {
    // No file has such a name already: the number of the process would not be enough in a container.
    std::string name;
    do {
        name = std::to_string(next_spare_++) + std::string(suffix);
    } while (::access(path_of(name).c_str(), F_OK) == 0);
    return name;
}

void SegmentStore::adopt(const std::vector<std::string>& dead) {
    for (const std::string& name : names_in(directory_)) {
        const bool spare = name.ends_with(kSpareSuffix) || name.ends_with(kBlankSuffix);
        if (spare && spares_.size() < max_spares_)
            spares_.push_back(name);
        else if (spare || name.ends_with(".new") || (name.ends_with(".tmp") && name != kPreparedName && name != kEmergencyName && name != kReserveName))
            ::unlink(path_of(name).c_str());
    }
    // A prepared file may be half prepared; but its blocks are ours.
    if (const std::string name = spare_name(kBlankSuffix); std::rename(path_of(kPreparedName).c_str(), path_of(name).c_str()) == 0)
        spares_.insert(spares_.begin(), name);  // the last to be used: one whose blocks were written syncs faster
    for (const std::string& name : dead) retire(name, false);
}

void SegmentStore::prepare_now() {
    if (prepare() == 0 || !disk_full_) return;
    const std::string spare = spare_name(kBlankSuffix);
    if (std::rename(path_of(kEmergencyName).c_str(), path_of(spare).c_str()) != 0) return;
    spares_.push_back(spare);
    prepare();
}

void SegmentStore::start() { thread_ = std::thread([this] { run(); }); }

void SegmentStore::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void SegmentStore::run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        if (prepared_ && has_emergency_files_) {
            wake_.wait(lock, [this] { return !prepared_ || !has_emergency_files_ || stopping_; });
            continue;
        }
        const bool wanted = !prepared_;
        lock.unlock();
        const bool made = wanted ? prepare() == 0 : make_emergency_files();
        if (wanted) changed_();
        lock.lock();
        if (!made && !stopping_) wake_.wait_for(lock, kRetryAfter);
    }
}

std::string SegmentStore::take_spare() {
    const std::lock_guard lock(mutex_);
    if (spares_.empty()) return {};
    std::string spare = std::move(spares_.back());
    spares_.pop_back();
    return spare;
}

int SegmentStore::prepare() {
    const std::string path = path_of(kPreparedName);
    const std::string spare = take_spare();
    const bool recycled = !spare.empty() && std::rename(path_of(spare).c_str(), path.c_str()) == 0;
    const int error = fill(path, recycled);
    if (error != 0) ::unlink(path.c_str());
    const std::lock_guard lock(mutex_);
    disk_full_ = means_full(error);
    if (error != 0) return error;
    prepared_ = true;
    ready_ = true;
    return 0;
}

int SegmentStore::fill(const std::string& path, bool recycled) {
    errno = 0;
    const auto pages = empty_lmdb_pages(directory_, file_bytes_);
    if (!pages.ok()) return errno != 0 ? errno : EIO;
    const File file = File::open(path, O_RDWR | O_CREAT | (recycled ? 0 : O_TRUNC));
    if (!file.is_open()) return errno;
    if (file.size_bytes() > file_bytes_ && ::ftruncate(file.descriptor(), static_cast<off_t>(file_bytes_)) != 0) return errno;
    if (const int error = file.reserve(file_bytes_)) return error;
    if (const int error = file.write_at(0, *pages)) return error;
    if (::fsync(file.descriptor()) != 0) return errno;
    return sync_directory(directory_);
}

bool SegmentStore::make_emergency_files() {
    const auto make = [this](const char* name, std::uint64_t bytes) {
        const File file = File::open(path_of(name), O_RDWR | O_CREAT);
        const bool made = file.is_open() && (file.size_bytes() >= bytes || file.reserve(bytes) == 0) && ::fsync(file.descriptor()) == 0;
        if (!made) ::unlink(path_of(name).c_str());
        return made;
    };
    const bool made = make(kReserveName, kReserveBytes) && make(kEmergencyName, file_bytes_) && sync_directory(directory_) == 0;
    const std::lock_guard lock(mutex_);
    has_emergency_files_ = made;
    return made;
}

bool SegmentStore::take(const std::string& name) {
    const std::lock_guard lock(mutex_);
    // Renamed before anybody may prepare the next one under the old name.
    const std::string from = path_of(kPreparedName);
    if (!prepared_ || std::rename(from.c_str(), path_of(name).c_str()) != 0) return false;
    if (const int error = sync_directory(directory_)) {
        errno = error;
        return false;
    }
    ready_ = prepared_ = false;
    wake_.notify_all();
    return true;
}

void SegmentStore::retire(const std::string& name, bool in_use) {
    const std::lock_guard lock(mutex_);
    const std::string spare = spare_name(kSpareSuffix);
    const bool kept = !in_use && spares_.size() + (prepared_ ? 1 : 0) < max_spares_ && std::rename(path_of(name).c_str(), path_of(spare).c_str()) == 0;
    if (kept)
        spares_.push_back(spare);
    else
        ::unlink(path_of(name).c_str());
    wake_.notify_all();
}

bool SegmentStore::give_up_reserve() {
    const std::lock_guard lock(mutex_);
    has_emergency_files_ = false;
    return ::unlink(path_of(kReserveName).c_str()) == 0 && sync_directory(directory_) == 0;
}

}  // namespace sedge::node
