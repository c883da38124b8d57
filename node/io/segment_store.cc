#include "node/io/segment_store.h"

#include <dirent.h>
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
constexpr std::string_view kSpareSuffix = ".spare";
constexpr auto kRetryAfter = std::chrono::seconds(1);

bool means_full(int error) { return error == ENOSPC || error == EDQUOT || error == EFBIG; }

bool ends_with(std::string_view name, std::string_view suffix) { return name.ends_with(suffix); }

}  // namespace

SegmentStore::SegmentStore(std::string directory, std::uint64_t file_bytes, std::size_t max_spares, std::function<void()> changed)
    : directory_(std::move(directory)), file_bytes_(file_bytes), max_spares_(max_spares), changed_(std::move(changed)) {}

SegmentStore::~SegmentStore() { stop(); }

void SegmentStore::adopt(const std::vector<std::string>& segment_names) {
    DIR* listing = ::opendir(directory_.c_str());
    if (listing == nullptr) return;
    while (const dirent* entry = ::readdir(listing)) {
        const std::string name = entry->d_name;
        const bool listed = std::find(segment_names.begin(), segment_names.end(), name) != segment_names.end();
        if (listed) continue;
        if (ends_with(name, kSpareSuffix) && spares_.size() < max_spares_)
            spares_.push_back(name);
        else if (ends_with(name, ".tmp") || ends_with(name, ".new") || ends_with(name, kSpareSuffix))
            ::unlink((directory_ + "/" + name).c_str());
        // A segment that nobody lists is left alone: whoever lost the list may want it back.
    }
    ::closedir(listing);
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

void SegmentStore::prepare_now() { prepare(); }

void SegmentStore::run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        if (prepared_) {
            wake_.wait(lock, [this] { return !prepared_ || stopping_; });
            continue;
        }
        lock.unlock();
        const int error = prepare();
        changed_();
        lock.lock();
        if (error != 0 && !stopping_) wake_.wait_for(lock, kRetryAfter);
    }
}

int SegmentStore::prepare() {
    std::string spare;
    {
        const std::lock_guard lock(mutex_);
        if (!spares_.empty()) {
            spare = spares_.back();
            spares_.pop_back();
        }
    }
    const std::string path = directory_ + "/" + kPreparedName;
    const bool recycled = !spare.empty() && std::rename((directory_ + "/" + spare).c_str(), path.c_str()) == 0;
    const int error = fill(path, recycled);
    if (error != 0) ::unlink(path.c_str());
    const std::lock_guard lock(mutex_);
    disk_full_ = means_full(error);
    if (error == 0) prepared_ = PreparedSegment{recycled};
    return error;
}

int SegmentStore::fill(const std::string& path, bool recycled) {
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

std::optional<PreparedSegment> SegmentStore::take(const std::string& name) {
    const std::lock_guard lock(mutex_);
    // Renamed before anybody may prepare the next one under the old name.
    const std::string from = directory_ + "/" + kPreparedName;
    if (!prepared_ || std::rename(from.c_str(), (directory_ + "/" + name).c_str()) != 0) return std::nullopt;
    if (const int error = sync_directory(directory_)) {
        errno = error;
        return std::nullopt;
    }
    wake_.notify_all();
    return std::exchange(prepared_, std::nullopt);
}

void SegmentStore::retire(const std::string& name, bool in_use) {
    const std::string path = directory_ + "/" + name;
    std::string spare;
    {
        const std::lock_guard lock(mutex_);
        if (!in_use && spares_.size() < max_spares_ && !disk_full_) spare = std::to_string(::getpid()) + "-" + std::to_string(next_spare_++) + std::string(kSpareSuffix);
    }
    if (spare.empty() || std::rename(path.c_str(), (directory_ + "/" + spare).c_str()) != 0) {
        ::unlink(path.c_str());
    } else {
        const std::lock_guard lock(mutex_);
        spares_.push_back(spare);
    }
    wake_.notify_all();
}

JournalRoom SegmentStore::room() const {
    const std::lock_guard lock(mutex_);
    return {prepared_.has_value(), disk_full_};
}

}  // namespace sedge::node
