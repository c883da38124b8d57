#include "tests/cluster/power_disk.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace sedge::powerfs {

namespace fs = std::filesystem;

namespace {

std::int64_t now_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

bool inside(const std::string& path, const std::string& directory) {
    return directory == "/" ? path.size() > 1 : path.starts_with(directory + "/");
}

}  // namespace

std::string parent_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

void Image::resize(std::uint64_t size) {
    if (size < size_) {
        chunks_.erase(chunks_.upper_bound(size / kChunkBytes), chunks_.end());
        const auto last = chunks_.find(size / kChunkBytes);
        if (last != chunks_.end()) {
            std::fill(last->second.begin() + static_cast<std::ptrdiff_t>(size % kChunkBytes), last->second.end(), '\0');
        }
    }
    size_ = size;
}

void Image::write(std::uint64_t at, const char* data, std::size_t bytes) {
    size_ = std::max(size_, at + bytes);
    while (bytes > 0) {
        auto& chunk = chunks_[at / kChunkBytes];
        chunk.resize(kChunkBytes);
        const auto begin = static_cast<std::size_t>(at % kChunkBytes);
        const auto part = std::min(bytes, static_cast<std::size_t>(kChunkBytes) - begin);
        std::memcpy(chunk.data() + begin, data, part);
        at += part;
        data += part;
        bytes -= part;
    }
}

std::size_t Image::read(std::uint64_t at, char* out, std::size_t bytes) const {
    if (at >= size_) {
        return 0;
    }
    bytes = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, size_ - at));
    for (std::size_t done = 0; done < bytes;) {
        const auto begin = static_cast<std::size_t>((at + done) % kChunkBytes);
        const auto part = std::min(bytes - done, static_cast<std::size_t>(kChunkBytes) - begin);
        const auto chunk = chunks_.find((at + done) / kChunkBytes);
        if (chunk == chunks_.end()) {
            std::memset(out + done, 0, part);
        } else {
            std::memcpy(out + done, chunk->second.data() + begin, part);
        }
        done += part;
    }
    return bytes;
}

InodePtr Disk::find(const std::string& path) const {
    const auto found = names_.find(path);
    return found == names_.end() ? nullptr : found->second;
}

std::vector<std::string> Disk::list(const std::string& directory) const {
    std::vector<std::string> found;
    for (const auto& [path, inode] : names_) {
        if (inside(path, directory) && parent_of(path) == directory) {
            found.push_back(path.substr(directory == "/" ? 1 : directory.size() + 1));
        }
    }
    return found;
}

InodePtr Disk::add(const std::string& path, bool is_directory, std::uint32_t mode) {
    auto inode = std::make_shared<Inode>();
    inode->is_directory = is_directory;
    inode->mode = mode;
    inode->changed_ns = now_ns();
    names_[path] = inode;
    unsynced_names_.push_back({.added = path, .inode = inode});
    return inode;
}

void Disk::remove(const std::string& path) {
    names_.erase(path);
    unsynced_names_.push_back({.removed = path});
}

void Disk::rename(const std::string& from, const std::string& to) {
    auto inode = names_.at(from);
    names_.erase(from);
    names_[to] = inode;
    unsynced_names_.push_back({.removed = from, .added = to, .inode = inode});
}

void Disk::write(Inode& inode, std::uint64_t at, const char* data, std::size_t bytes, bool synced) {
    inode.changed_ns = now_ns();
    inode.seen.write(at, data, bytes);
    if (synced) {
        inode.durable.write(at, data, bytes);
    } else {
        inode.unsynced.push_back({.at = at, .data = {data, data + bytes}});
    }
}

void Disk::resize(Inode& inode, std::uint64_t size) {
    inode.changed_ns = now_ns();
    inode.seen.resize(size);
    inode.unsynced.push_back({.is_resize = true, .at = size});
}

void Disk::sync(Inode& inode) {
    for (const auto& change : inode.unsynced) {
        if (change.is_resize) {
            inode.durable.resize(change.at);
        } else {
            inode.durable.write(change.at, change.data.data(), change.data.size());
        }
    }
    inode.unsynced.clear();
}

void Disk::apply(const NameChange& change) {
    if (!change.removed.empty()) {
        durable_names_.erase(change.removed);
    }
    if (!change.added.empty()) {
        durable_names_[change.added] = change.inode;
    }
}

void Disk::sync_directory(const std::string& directory) {
    std::erase_if(unsynced_names_, [&](const NameChange& change) {
        const bool touches = (!change.removed.empty() && parent_of(change.removed) == directory) ||
                             (!change.added.empty() && parent_of(change.added) == directory);
        if (touches) {
            apply(change);
        }
        return touches;
    });
}

void Disk::cut_file(Inode& inode, CutMode mode, std::mt19937_64& random, CutReport& report) {
    // tear: an intact beginning, then one torn write; reorder: any of the writes, whole or torn.
    const auto intact = mode == CutMode::tear && !inode.unsynced.empty() ? random() % (inode.unsynced.size() + 1) : 0;
    for (std::size_t i = 0; i < inode.unsynced.size(); ++i) {
        const auto& change = inode.unsynced[i];
        bool keep = mode == CutMode::tear && i < intact;
        bool tear = mode == CutMode::tear && i == intact;
        if (mode == CutMode::reorder) {
            const auto choice = random() % 3;
            keep = choice == 0;
            tear = choice == 1;
        }
        if (change.is_resize && (keep || tear)) {
            inode.durable.resize(change.at);
            ++report.kept;
        } else if (keep) {
            inode.durable.write(change.at, change.data.data(), change.data.size());
            ++report.kept;
        } else if (tear) {
            ++report.torn;
            for (std::size_t begin = 0; begin < change.data.size();) {
                const auto at = change.at + begin;
                const auto part = std::min(change.data.size() - begin, static_cast<std::size_t>(kSectorBytes - at % kSectorBytes));
                if (random() % 2 == 0) {
                    inode.durable.write(at, change.data.data() + begin, part);
                }
                begin += part;
            }
        } else {
            ++report.dropped;
        }
    }
    inode.unsynced.clear();
    inode.seen = inode.durable;
}

CutReport Disk::cut(CutMode mode, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    CutReport report;
    // The journal of a file system keeps the order of names: a beginning of the changes survives.
    const auto names_kept = mode == CutMode::drop ? 0 : random() % (unsynced_names_.size() + 1);
    for (std::size_t i = 0; i < names_kept; ++i) {
        apply(unsynced_names_[i]);
    }
    report.names_dropped = unsynced_names_.size() - names_kept;
    unsynced_names_.clear();
    // A file whose directory is not there is gone with it.
    std::erase_if(durable_names_, [&](const auto& entry) {
        const auto parent = parent_of(entry.first);
        return parent != "/" && !durable_names_.contains(parent);
    });
    names_ = durable_names_;
    for (const auto& [path, inode] : names_) {
        cut_file(*inode, mode, random, report);
    }
    return report;
}

void Disk::sync_all() {
    for (const auto& change : unsynced_names_) {
        apply(change);
    }
    unsynced_names_.clear();
    for (const auto& [path, inode] : names_) {
        sync(*inode);
    }
}

std::uint64_t Disk::unsynced_writes() const {
    std::uint64_t count = 0;
    for (const auto& [path, inode] : names_) {
        count += inode->unsynced.size();
    }
    return count;
}

bool Disk::store(const std::string& folder) const {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
        fs::remove_all(entry.path(), error);
    }
    for (const auto& [path, inode] : durable_names_) {  // sorted: a directory comes before what is in it
        if (inode->is_directory) {
            fs::create_directory(folder + path, error);
            continue;
        }
        std::ofstream out(folder + path, std::ios::binary | std::ios::trunc);
        std::vector<char> piece(1 << 20);
        for (std::uint64_t at = 0; at < inode->durable.size();) {
            const auto bytes = inode->durable.read(at, piece.data(), piece.size());
            out.write(piece.data(), static_cast<std::streamsize>(bytes));
            at += bytes;
        }
        if (!out.flush()) {
            return false;
        }
    }
    return !error;
}

bool Disk::load(const std::string& folder) {
    std::error_code error;
    for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
        const auto path = "/" + fs::relative(entry.path(), folder).string();
        const auto inode = add(path, entry.is_directory(), entry.is_directory() ? 0755 : 0644);
        if (entry.is_regular_file()) {
            std::ifstream in(entry.path(), std::ios::binary);
            std::vector<char> piece(1 << 20);
            for (std::uint64_t at = 0; in; at += static_cast<std::uint64_t>(in.gcount())) {
                in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
                write(*inode, at, piece.data(), static_cast<std::size_t>(in.gcount()), true);
            }
        }
    }
    sync_all();
    return !error;
}

}  // namespace sedge::powerfs
