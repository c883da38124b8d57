// What every command of `sedge` shares: the global options, where output goes, and how a failure is reported.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/exit_code.h"
#include "client/connect_options.h"
#include "schema/status.h"

namespace sedge::cli {

struct Context {
    std::vector<std::string> nodes;     // -n, or SEDGE_NODES, or the default; "host:port" each
    bool json = false;                  // --json: one document, or one line a record
    std::uint32_t timeout_ms = 10'000;  // --timeout
    bool timeout_given = false;         // the user chose it
    bool stdout_is_terminal = false;    // tables may have colour
    bool stderr_is_terminal = false;    // a progress line may be drawn

    // The chosen command, set by its callback while the command line is parsed; main() runs it afterwards and exits with
    // what it returns (an ExitCode).
    std::function<int()> action;

    ConnectOptions connect_options() const;
};

// Prints "sedge: WHAT failed: MESSAGE (node ADDRESS)" and a hint on what to do, on stderr; returns the exit code that fits.
// `node` may be empty: then the addresses that were tried are named.
int report_failure(const Context& context, std::string_view what, const Status& status, std::string_view node = {});
// The exit code of a status, without printing.
int exit_code_of(const Status& status);

}  // namespace sedge::cli
