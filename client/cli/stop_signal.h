// SIGINT and SIGTERM as something to ask for and to wait on, so that commands end cleanly.
#pragma once

namespace sedge::cli {

// From here on the two signals are noted instead of ending the process; once per process.
void catch_stop_signals();
// How often one of them came.
int stop_signals();
// Readable once one has come: to be waited for with poll().
int stop_signal_fd();

}  // namespace sedge::cli
