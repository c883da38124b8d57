// `sedge`: the command line. Reads the global options, finds the command, runs it.
#include <malloc.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "client/cli/bench.h"
#include "client/cli/commands.h"
#include "client/cli/context.h"
#include "client/cli/text.h"

namespace sedge::cli {
namespace {

constexpr const char* kVersion = "sedge 0.1.0";
constexpr int kKeepBelowBytes = 16 << 20;

// A word that is no command is missed as a command first: say which word it is.
std::string usage_failure(const CLI::App* app, const CLI::Error& error) {
    std::string what = error.what();
    const auto unknown = app->remaining(true);
    if (error.get_name() == "RequiredError" && !unknown.empty() && !unknown.front().starts_with("-"))
        what = "there is no command '" + unknown.front() + "'";
    return "sedge: " + what + "\n  hint: `sedge --help`, or --help behind a command\n";
}

// Of the global options, what their types do not tell; empty if all is well.
std::string check(const Context& context) {
    if (context.nodes.empty()) return "no node given; name one with -n HOST:PORT or in SEDGE_NODES";
    for (const auto& node : context.nodes)
        if (!is_host_and_port(node)) return "'" + node + "' is no address of a node; wanted HOST:PORT, for example 127.0.0.1:7701";
    if (context.timeout_ms == 0) return "--timeout 0 leaves no time at all";
    return {};
}

int run(int argc, char** argv) {
    Context context;
    context.stdout_is_terminal = isatty(STDOUT_FILENO) != 0;
    context.stderr_is_terminal = isatty(STDERR_FILENO) != 0;

    // Batches of a megabyte come and go: keep their memory instead of asking the kernel for fresh pages each time.
    mallopt(M_MMAP_THRESHOLD, kKeepBelowBytes);
    mallopt(M_TRIM_THRESHOLD, 2 * kKeepBelowBytes);

    CLI::App app("sedge: publish, read and look after a Sedge mesh.");
    app.name("sedge");
    app.set_version_flag("--version", kVersion);
    app.require_subcommand(1);
    app.fallthrough();
    app.failure_message(usage_failure);
    std::string nodes = "127.0.0.1:7701";
    app.add_option("-n,--nodes", nodes, "Any nodes of the mesh: HOST:PORT[,HOST:PORT]")->envname("SEDGE_NODES")->capture_default_str();
    app.add_flag("--json", context.json, "Answer in JSON: one document, or one line a record");
    auto* timeout = app.add_option("--timeout", context.timeout_ms, "How long to wait for the mesh, in ms, s or m")
                        ->transform(CLI::AsNumberWithUnit(std::map<std::string, std::uint32_t>{{"ms", 1}, {"s", 1000}, {"m", 60000}},
                                                          CLI::AsNumberWithUnit::Options(CLI::AsNumberWithUnit::CASE_SENSITIVE |
                                                                                           CLI::AsNumberWithUnit::UNIT_REQUIRED),
                                                          "DURATION"))
                        ->default_str("10s");

    add_topic_commands(app, context);
    add_produce_command(app, context);
    add_consume_command(app, context);
    add_cluster_commands(app, context);
    add_bench_commands(app, context);
    app.footer("\nExample: sedge topic create readings -p 4");  // after the commands: they would inherit it

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? kDone : kUsage;
    }
    context.nodes = split_nodes(nodes);
    context.timeout_given = timeout->count() > 0;
    if (const auto wrong = check(context); !wrong.empty()) {
        std::fprintf(stderr, "sedge: %s\n", wrong.c_str());
        return kUsage;
    }
    return context.action ? context.action() : static_cast<int>(kUsage);
}

}  // namespace
}  // namespace sedge::cli

int main(int argc, char** argv) { return sedge::cli::run(argc, argv); }
