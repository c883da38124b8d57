// What `sedge` tells the shell that started it.
#pragma once

namespace sedge::cli {

enum ExitCode : int {
    kDone = 0,
    kRefused = 1,         // the mesh said no
    kUsage = 2,           // the command line was wrong
    kUnreachable = 3,     // no node answered
    kTimedOut = 4,
    kLeftUndone = 5,      // some of the work was not done; what and how much is on stderr
};

}  // namespace sedge::cli
