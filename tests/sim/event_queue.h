// What is going to happen, in the order of virtual time; at equal times in the order of scheduling.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace sedge::sim {

class EventQueue {
  public:
    using Action = std::function<void()>;

    void schedule(std::uint64_t at_us, Action action) {
        heap_.push_back({at_us, ++scheduled_, std::move(action)});
        std::push_heap(heap_.begin(), heap_.end(), later);
    }
    bool empty() const { return heap_.empty(); }
    std::uint64_t next_us() const { return heap_.front().at_us; }
    // Removes the next event; its number tells it apart from all others.
    std::pair<std::uint64_t, Action> take() {
        std::pop_heap(heap_.begin(), heap_.end(), later);
        std::pair<std::uint64_t, Action> taken{heap_.back().number, std::move(heap_.back().action)};
        heap_.pop_back();
        return taken;
    }

  private:
    struct Event {
        std::uint64_t at_us;
        std::uint64_t number;
        Action action;
    };
    static bool later(const Event& a, const Event& b) {
        return a.at_us != b.at_us ? a.at_us > b.at_us : a.number > b.number;
    }
    std::vector<Event> heap_;
    std::uint64_t scheduled_ = 0;
};

}  // namespace sedge::sim
