// Which news a node still passes on. Every piece rides on `limit(n)` messages, the newest and least told first, so that each
// reaches everybody with high probability at a bounded cost (SWIM, section 4.1).
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "node/core/member.h"

namespace sedge::node {

class Rumours {
  public:
    // `multiplier` * log10(nodes + 1), rounded up: how often each piece of news is told.
    static std::uint32_t limit(std::size_t nodes, std::uint32_t multiplier);

    // From now on tell `member`; replaces what was told of it before.
    void add(const Member& member);
    // The next `count` pieces to tell; each counts as told once and is forgotten after `limit` times.
    std::vector<Member> take(std::size_t count, std::uint32_t limit);
    std::size_t size() const { return told_.size(); }

  private:
    struct Told {
        Member member;
        std::uint32_t times = 0;
        std::uint64_t added = 0;
    };
    std::map<NodeId, Told> told_;
    std::uint64_t added_ = 0;
};

}  // namespace sedge::node
