// Keeps the files of sealed segments open for reading, so many at most: the one not used for the longest is closed. Any thread.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "node/io/file.h"

namespace sedge::node {

class OpenFiles {
  public:
    explicit OpenFiles(std::size_t most) : most_(most) {}
    // Open as long as somebody holds it. nullptr with errno when it cannot be opened.
    std::shared_ptr<const File> get(const std::string& path);
    // The path will mean something else from now on.
    void forget(const std::string& path);
    std::size_t size() const;

  private:
    using Entry = std::pair<std::string, std::shared_ptr<const File>>;
    const std::size_t most_;
    mutable std::mutex mutex_;
    std::list<Entry> files_;  // the one used last in front
};

}  // namespace sedge::node
