// A broken promise. It ends the run of its seed: the simulation throws it, nobody but the runner catches it.
#pragma once

#include <string>
#include <utility>

namespace sedge::sim {

struct Violation {
    std::string what;
};

[[noreturn]] inline void violated(std::string what) { throw Violation{std::move(what)}; }
inline void require(bool kept, const char* promise) {
    if (!kept) violated(promise);
}

}  // namespace sedge::sim
