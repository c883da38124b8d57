#include "node/io/open_files.h"

#include <fcntl.h>

#include <algorithm>

namespace sedge::node {

std::shared_ptr<const File> OpenFiles::get(const std::string& path) {
    const std::lock_guard lock(mutex_);
    const auto known = std::find_if(files_.begin(), files_.end(), [&](const Entry& entry) { return entry.first == path; });
    if (known != files_.end()) {
        files_.splice(files_.begin(), files_, known);
        return files_.front().second;
    }
    auto file = std::make_shared<const File>(File::open(path, O_RDONLY));
    if (!file->is_open()) return nullptr;
    files_.emplace_front(path, std::move(file));
    auto opened = files_.front().second;
    while (files_.size() > most_) files_.pop_back();
    return opened;
}

void OpenFiles::forget(const std::string& path) {
    const std::lock_guard lock(mutex_);
    files_.remove_if([&](const Entry& entry) { return entry.first == path; });
}

std::size_t OpenFiles::size() const {
    const std::lock_guard lock(mutex_);
    return files_.size();
}

}  // namespace sedge::node
