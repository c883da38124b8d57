// powerfs BACKING MOUNTPOINT: a file system that loses what was not synced, for tests of power loss and failed syncs.
//
// BACKING holds what is on the disk: it is read at the start and written at a cut or a clean end. Prints "mounted" once it serves.
// Commands on stdin, one answer a line on stdout:
//   cut drop|tear|reorder SEED    the power goes; BACKING is what is left; everything fails from now on. "cut kept=.. torn=.. .."
//   kill_at write|sync N PID      SIGKILL to PID inside the N-th write or sync from now on (before that sync has any effect)
//   fail_sync N                   the next N syncs of files fail with EIO, and what they should have written never reaches the disk
//   stats                         "stats writes=.. syncs=.. unsynced=.. failed=.. killed=0|1"
// End of stdin: everything is synced, stored, unmounted.
#define FUSE_USE_VERSION 35
#include <fuse3/fuse.h>
#include <fuse3/fuse_lowlevel.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>

#include "tests/cluster/power_disk.h"

namespace sedge::powerfs {
namespace {

constexpr std::uint64_t kDiskBytes = 4ull << 30;  // what statfs claims
constexpr std::uint64_t kBlockBytes = 4096;

struct State {
    std::mutex mutex;
    Disk disk;
    std::string backing;
    bool cut = false;
    std::uint64_t writes = 0, syncs = 0, failed = 0;
    std::uint64_t fail_syncs = 0;
    std::uint64_t kill_at_write = 0, kill_at_sync = 0;  // 0: never; else how many are left
    pid_t victim = 0;
    bool killed = false;
};

State& state() {
    static State it;
    return it;
}

struct OpenFile {
    InodePtr inode;
    bool writes_are_synced = false;
};

OpenFile& opened(fuse_file_info* info) { return *reinterpret_cast<OpenFile*>(info->fh); }

// Every operation holds the lock and finds the disk gone after a cut.
template <class Body>
int locked(Body&& body) {
    const std::lock_guard guard(state().mutex);
    return state().cut ? -EIO : body(state().disk);
}

void count_down(std::uint64_t& left) {
    if (left > 0 && --left == 0) {
        ::kill(state().victim, SIGKILL);
        state().killed = true;
    }
}

void fill(const Inode& inode, struct stat* out) {
    *out = {};
    out->st_mode = (inode.is_directory ? S_IFDIR : S_IFREG) | static_cast<mode_t>(inode.mode);
    out->st_nlink = inode.is_directory ? 2 : 1;
    out->st_uid = ::getuid();
    out->st_gid = ::getgid();
    out->st_size = static_cast<off_t>(inode.seen.size());
    out->st_blksize = kBlockBytes;
    out->st_blocks = static_cast<blkcnt_t>((inode.seen.size() + kSectorBytes - 1) / kSectorBytes);
    out->st_mtim = {.tv_sec = inode.changed_ns / 1'000'000'000, .tv_nsec = inode.changed_ns % 1'000'000'000};
    out->st_ctim = out->st_atim = out->st_mtim;
}

int do_getattr(const char* path, struct stat* out, fuse_file_info* info) {
    return locked([&](Disk& disk) {
        if (info == nullptr && std::string(path) == "/") {
            fill(Inode{.is_directory = true, .mode = 0755, .changed_ns = 0, .seen = {}, .durable = {}}, out);
            return 0;
        }
        const auto inode = info != nullptr && info->fh != 0 ? opened(info).inode : disk.find(path);
        if (!inode) {
            return -ENOENT;
        }
        fill(*inode, out);
        return 0;
    });
}

int do_readdir(const char* path, void* buffer, fuse_fill_dir_t add, off_t, fuse_file_info*, fuse_readdir_flags) {
    return locked([&](Disk& disk) {
        add(buffer, ".", nullptr, 0, {});
        add(buffer, "..", nullptr, 0, {});
        for (const auto& name : disk.list(path)) {
            add(buffer, name.c_str(), nullptr, 0, {});
        }
        return 0;
    });
}

void remember(fuse_file_info* info, InodePtr inode) {
    // FUSE keeps the handle as a number until release() takes it back.
    auto file = std::make_unique<OpenFile>(OpenFile{std::move(inode), (info->flags & (O_SYNC | O_DSYNC)) != 0});
    info->fh = reinterpret_cast<std::uint64_t>(file.release());
}

int do_create(const char* path, mode_t mode, fuse_file_info* info) {
    return locked([&](Disk& disk) {
        remember(info, disk.add(path, false, mode & 07777));
        return 0;
    });
}

int do_open(const char* path, fuse_file_info* info) {
    return locked([&](Disk& disk) {
        const auto inode = disk.find(path);
        if (!inode) {
            return -ENOENT;
        }
        if ((info->flags & O_TRUNC) != 0) {
            disk.resize(*inode, 0);
        }
        remember(info, inode);
        return 0;
    });
}

int do_release(const char*, fuse_file_info* info) {
    const std::lock_guard guard(state().mutex);
    const std::unique_ptr<OpenFile> file(&opened(info));
    return 0;
}

int do_read(const char*, char* out, size_t bytes, off_t at, fuse_file_info* info) {
    return locked([&](Disk&) {
        return static_cast<int>(opened(info).inode->seen.read(static_cast<std::uint64_t>(at), out, bytes));
    });
}

int do_write(const char*, const char* data, size_t bytes, off_t at, fuse_file_info* info) {
    return locked([&](Disk& disk) {
        auto& file = opened(info);
        disk.write(*file.inode, static_cast<std::uint64_t>(at), data, bytes, file.writes_are_synced);
        ++state().writes;
        count_down(state().kill_at_write);
        return static_cast<int>(bytes);
    });
}

int do_fsync(const char*, int, fuse_file_info* info) {
    return locked([&](Disk& disk) {
        auto& inode = *opened(info).inode;
        ++state().syncs;
        count_down(state().kill_at_sync);
        if (state().killed) {
            return -EIO;  // the power went before this sync did anything; nobody is left to see the answer
        }
        if (state().fail_syncs > 0) {
            --state().fail_syncs;
            ++state().failed;
            disk.fail_sync(inode);
            return -EIO;
        }
        disk.sync(inode);
        return 0;
    });
}

int do_fsyncdir(const char* path, int, fuse_file_info*) {
    return locked([&](Disk& disk) {
        disk.sync_directory(path);
        return 0;
    });
}

int do_truncate(const char* path, off_t size, fuse_file_info* info) {
    return locked([&](Disk& disk) {
        const auto inode = info != nullptr ? opened(info).inode : disk.find(path);
        if (!inode) {
            return -ENOENT;
        }
        disk.resize(*inode, static_cast<std::uint64_t>(size));
        return 0;
    });
}

int do_fallocate(const char*, int mode, off_t at, off_t bytes, fuse_file_info* info) {
    if ((mode & ~FALLOC_FL_KEEP_SIZE) != 0) {
        return -EOPNOTSUPP;
    }
    return locked([&](Disk& disk) {
        auto& inode = *opened(info).inode;
        const auto end = static_cast<std::uint64_t>(at + bytes);
        if ((mode & FALLOC_FL_KEEP_SIZE) == 0 && end > inode.seen.size()) {
            disk.resize(inode, end);
        }
        return 0;
    });
}

int do_mkdir(const char* path, mode_t mode) {
    return locked([&](Disk& disk) {
        disk.add(path, true, mode & 07777);
        return 0;
    });
}

int do_unlink(const char* path) {
    return locked([&](Disk& disk) {
        disk.remove(path);
        return 0;
    });
}

int do_rmdir(const char* path) {
    return locked([&](Disk& disk) {
        if (!disk.list(path).empty()) {
            return -ENOTEMPTY;
        }
        disk.remove(path);
        return 0;
    });
}

int do_rename(const char* from, const char* to, unsigned flags) {
    return locked([&](Disk& disk) {
        const auto inode = disk.find(from);
        if (flags != 0 || !inode || inode->is_directory) {
            return -EINVAL;  // nobody here renames directories
        }
        disk.rename(from, to);
        return 0;
    });
}

int do_chmod(const char* path, mode_t mode, fuse_file_info*) {
    return locked([&](Disk& disk) {
        const auto inode = disk.find(path);
        if (inode) {
            inode->mode = mode & 07777;
        }
        return 0;
    });
}

int do_chown(const char*, uid_t, gid_t, fuse_file_info*) { return 0; }
int do_utimens(const char*, const timespec*, fuse_file_info*) { return 0; }

int do_statfs(const char*, struct statvfs* out) {
    *out = {};
    out->f_bsize = out->f_frsize = kBlockBytes;
    out->f_blocks = out->f_bfree = out->f_bavail = kDiskBytes / kBlockBytes;
    out->f_files = out->f_ffree = 1 << 20;
    out->f_namemax = 255;
    return 0;
}

void* do_init(fuse_conn_info* connection, fuse_config* config) {
    connection->max_write = 1 << 20;
    config->hard_remove = 1;  // an unlinked open file lives on through its handle
    config->nullpath_ok = 0;
    std::cout << "mounted" << std::endl;
    return nullptr;
}

fuse_operations operations() {
    fuse_operations all{};
    all.getattr = do_getattr;
    all.readdir = do_readdir;
    all.create = do_create;
    all.open = do_open;
    all.release = do_release;
    all.read = do_read;
    all.write = do_write;
    all.fsync = do_fsync;
    all.fsyncdir = do_fsyncdir;
    all.truncate = do_truncate;
    all.fallocate = do_fallocate;
    all.mkdir = do_mkdir;
    all.unlink = do_unlink;
    all.rmdir = do_rmdir;
    all.rename = do_rename;
    all.chmod = do_chmod;
    all.chown = do_chown;
    all.utimens = do_utimens;
    all.statfs = do_statfs;
    all.init = do_init;
    return all;
}

std::string cut(std::istream& words) {
    std::string mode_name;
    std::uint64_t seed = 0;
    words >> mode_name >> seed;
    const auto mode = mode_name == "tear" ? CutMode::tear : mode_name == "reorder" ? CutMode::reorder : CutMode::drop;
    const auto report = state().disk.cut(mode, seed);
    state().cut = true;
    std::ostringstream answer;
    answer << "cut kept=" << report.kept << " torn=" << report.torn << " dropped=" << report.dropped
           << " names_dropped=" << report.names_dropped;
    return state().disk.store(state().backing) ? answer.str() : "error: cannot write the backing folder";
}

std::string obey(const std::string& line) {
    std::istringstream words(line);
    std::string command, what;
    words >> command;
    auto& it = state();
    const std::lock_guard guard(it.mutex);
    if (command == "cut") {
        return cut(words);
    }
    if (command == "kill_at") {
        std::uint64_t count = 0;
        words >> what >> count >> it.victim;
        it.killed = false;
        (what == "sync" ? it.kill_at_sync : it.kill_at_write) = count;
        return "ok";
    }
    if (command == "fail_sync") {
        words >> it.fail_syncs;
        return "ok";
    }
    std::ostringstream answer;
    answer << "stats writes=" << it.writes << " syncs=" << it.syncs << " unsynced=" << it.disk.unsynced_writes()
           << " failed=" << it.failed << " killed=" << (it.killed ? 1 : 0);
    return answer.str();
}

// Runs until stdin ends, then ends the file system.
void serve_commands(fuse* fuse, const std::string& mountpoint) {
    for (std::string line; std::getline(std::cin, line);) {
        std::cout << obey(line) << std::endl;
    }
    {
        const std::lock_guard guard(state().mutex);
        if (!state().cut) {
            state().disk.sync_all();
            state().disk.store(state().backing);
        }
    }
    fuse_exit(fuse);
    struct stat ignored {};
    ::stat((mountpoint + "/.wake").c_str(), &ignored);  // the loop looks at its exit flag after the next request
}

int run(const std::string& backing, const std::string& mountpoint) {
    state().backing = backing;
    if (!state().disk.load(backing)) {
        std::cerr << "powerfs: cannot read " << backing << "\n";
        return 1;
    }
    std::string name = "powerfs";
    char* arguments[] = {name.data(), nullptr};
    fuse_args args = FUSE_ARGS_INIT(1, arguments);
    const auto calls = operations();
    fuse* fuse = fuse_new(&args, &calls, sizeof calls, nullptr);
    if (fuse == nullptr || fuse_mount(fuse, mountpoint.c_str()) != 0) {
        std::cerr << "powerfs: cannot mount " << mountpoint << ": is /dev/fuse there, and may this user mount?\n";
        return 1;
    }
    std::thread commands(serve_commands, fuse, mountpoint);
    fuse_loop(fuse);
    fuse_unmount(fuse);
    commands.join();
    fuse_destroy(fuse);
    return 0;
}

}  // namespace
}  // namespace sedge::powerfs

int main(int argc, char** argv) {
    if (argc != 3) {
        std::cerr << "usage: powerfs BACKING MOUNTPOINT\n";
        return 2;
    }
    return sedge::powerfs::run(argv[1], argv[2]);
}
