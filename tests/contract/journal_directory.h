// Real journals in a temporary directory. A kill is played by going on with a copy of the directory: what the process does to the original
// while it is taken apart happens to nobody's disk.
#pragma once

#include <stdlib.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>

#include "tests/contract/journal_contract.h"

namespace sedge::contract {

class JournalDirectory : public JournalWorld {
  public:
    explicit JournalDirectory(std::uint64_t segment_bytes = 1u << 20) : segment_bytes_(segment_bytes) {
        std::string pattern = (std::filesystem::temp_directory_path() / "sedge-journal-XXXXXX").string();
        root_ = ::mkdtemp(pattern.data());
        std::filesystem::create_directory(path());
    }
    ~JournalDirectory() override { std::filesystem::remove_all(root_); }

    std::string path() const { return root_ + "/" + std::to_string(life_); }
    std::uint64_t segment_bytes() const override { return segment_bytes_; }
    node::JournalOptions options() {
        node::JournalOptions options;
        options.directory = path();
        options.segment_bytes = segment_bytes_;
        options.max_open_files = 2;
        options.wake = [this] {
            const std::lock_guard lock(mutex_);
            woken_ = true;
            wake_.notify_all();
        };
        options.fatal = [](const std::string& what) {
            std::fprintf(stderr, "fatal: %s\n", what.c_str());
            std::abort();
        };
        return options;
    }
    std::unique_ptr<node::Journal> open() override {
        auto opened = node::Journal::open(options());
        REQUIRE(opened.ok());
        return std::move(*opened);
    }
    void wait() override {
        std::unique_lock lock(mutex_);
        REQUIRE(wake_.wait_for(lock, std::chrono::seconds(60), [this] { return woken_; }));
        woken_ = false;
    }
    // A copy during which one commit at most was under way is what a kill at that moment leaves.
    void kill(std::unique_ptr<node::Journal> journal) override {
        const std::string from = path();
        ++life_;
        for (std::uint64_t commits = UINT64_MAX; commits != journal->statistics().commits;) {
            commits = journal->statistics().commits;
            std::filesystem::remove_all(path());
            copy_files(from, path());
        }
        journal.reset();
        std::filesystem::remove_all(from);
    }

    static void copy_files(const std::string& from, const std::string& to) {
        std::filesystem::create_directory(to);
        for (const auto& entry : std::filesystem::directory_iterator(from)) {
            const std::string name = entry.path().filename().string();
            // Prepared files are made anew; the background thread renames and fills them meanwhile.
            if (name.ends_with(".seg") || name == "manifest") std::filesystem::copy(entry.path(), to + "/" + name);
        }
    }

  private:
    const std::uint64_t segment_bytes_;
    std::string root_;
    int life_ = 0;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool woken_ = false;
};

}  // namespace sedge::contract
