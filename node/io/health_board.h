// What is wrong with the journal, for people. Any thread; never waits for anything slow.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "schema/ids.h"
#include "schema/response.h"

namespace sedge::node {

class HealthBoard {
  public:
    // One report for each kind and subject; a later one replaces it.
    void report(const std::string& kind, const std::string& subject, const std::string& message) {
        const std::lock_guard lock(mutex_);
        const auto key = std::make_pair(kind, subject);
        if (problems_.size() >= kMaxProblems && !problems_.contains(key)) return;
        std::string& known = problems_[key];
        changed_ = changed_ || known != message;
        known = message;
    }
    void withdraw(const std::string& kind, const std::string& subject) {
        const std::lock_guard lock(mutex_);
        changed_ = problems_.erase({kind, subject}) != 0 || changed_;
    }
    std::vector<HealthProblem> problems() const {
        const std::lock_guard lock(mutex_);
        std::vector<HealthProblem> out;
        for (const auto& [key, message] : problems_) out.push_back({key.first, key.second, message});
        return out;
    }
    bool take_changed() {
        const std::lock_guard lock(mutex_);
        return std::exchange(changed_, false);
    }

  private:
    // A report must stay readable and small, however damaged a disk is.
    static constexpr std::size_t kMaxProblems = 200;
    mutable std::mutex mutex_;
    std::map<std::pair<std::string, std::string>, std::string> problems_;
    bool changed_ = false;
};

inline std::string partition_subject(const PartitionId& id) { return to_string(id.topic) + "/" + std::to_string(id.partition.value); }

}  // namespace sedge::node
