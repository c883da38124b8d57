#include "node/io/config.h"

#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>

#include "node/io/config_file.h"
#include "node/io/config_options.h"

using namespace sedge;
using namespace sedge::node;
using Catch::Matchers::Contains;

namespace {

using Variables = std::map<std::string, std::string>;

Environment environment_of(Variables variables) {
    return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional(found->second);
    };
}

// A file that goes with its scope.
class TemporaryFile {
  public:
    explicit TemporaryFile(const std::string& text) {
        const int fd = ::mkstemp(path_.data());
        REQUIRE(fd >= 0);
        REQUIRE(::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
        ::close(fd);
    }
    ~TemporaryFile() { std::remove(path_.c_str()); }
    const std::string& path() const { return path_; }

  private:
    std::string path_ = "sedge-config-XXXXXX";
};

Invocation run(const std::vector<std::string>& arguments, Variables variables = {}) {
    variables.emplace("SEDGE_CONFIG", "/dev/null");  // whatever the machine has in /etc
    return read_invocation(arguments, environment_of(std::move(variables)));
}

}  // namespace

TEST_CASE("without anything the defaults are in force", "[config]") {
    const auto got = run({});
    CHECK(got.action == Invocation::Action::run);
    CHECK(to_string(got.config.listen) == "127.0.0.1:7701");
    CHECK(to_string(got.config.peer_address()) == "127.0.0.1:7702");
    CHECK(to_string(got.config.stream_address()) == "127.0.0.1:7703");
    CHECK(to_string(got.config.http_address()) == "127.0.0.1:7780");
    CHECK(got.config.data_directory == "/var/lib/sedge");
    CHECK_FALSE(got.config.name.empty());
}

TEST_CASE("options win over the environment, which wins over the file", "[config]") {
    const TemporaryFile file("data = \"/from/file\"\nname = \"file\"\nlisten = \"127.0.0.1:1\"\nlabels = { site = \"oslo\", rack = \"r1\" }\n"
                             "max_connections = 7\nrecent_bytes = \"1MB\"\ntrust_clock = true\n");
    const auto got = run({"--config", file.path(), "--name", "typed"}, {{"SEDGE_NAME", "variable"}, {"SEDGE_LISTEN", "127.0.0.1:2"}});
    REQUIRE(got.output == "");
    CHECK(got.config.name == "typed");
    CHECK(got.config.listen.port == 2);
    CHECK(got.config.data_directory == "/from/file");
    CHECK(got.config.labels.size() == 2);
    CHECK(got.config.max_connections == 7);
    CHECK(got.config.broker.recent_bytes == 1u << 20);
    CHECK(got.config.trust_clock);
}

TEST_CASE("lists can be repeated, and do not mix sources", "[config]") {
    const auto got = run({"--label", "site=oslo", "--label", "rack=1"}, {{"SEDGE_LABELS", "a=b"}});
    REQUIRE(got.config.labels.size() == 2);
    CHECK(got.config.labels[0].first == "site");
    CHECK(run({}, {{"SEDGE_LABELS", "a=b,c=d"}}).config.labels.size() == 2);
}

TEST_CASE("the mesh: whom to join, who votes, and how soon the silent count as dead", "[config]") {
    const auto got = run({"--join", "10.0.0.1:7701", "--join", "edge2:7801", "--voters", "3", "--probe-interval", "1s"},
                         {{"SEDGE_PROBE_TIMEOUT", "500ms"}, {"SEDGE_JOIN", "other:1"}});
    REQUIRE(got.output == "");
    REQUIRE(got.config.join.size() == 2);
    CHECK(to_string(got.config.join[1]) == "edge2:7801");
    CHECK(got.config.broker.voters == 3);
    CHECK(got.config.broker.membership.probe_interval_ms == 1000);
    CHECK(got.config.broker.membership.ping_timeout_ms == 500);
    CHECK(run({}, {{"SEDGE_JOIN", "a:1,b:2"}}).config.join.size() == 2);
    CHECK_THAT(run({"--check", "--join", "a:1", "--peer-listen", "10.0.0.9:7"}).output,
               Contains("join = [\"a:1\"]  # --join\n") && Contains("peer_listen = \"10.0.0.9:7\"  # --peer-listen\n"));

    CHECK_THAT(run({"--voters", "2"}).output, Contains("--voters: \"2\" is not 1, 3 or 5"));
    CHECK_THAT(run({"--probe-interval", "1ms"}).output, Contains("is not from 20ms to 1m"));
    CHECK_THAT(run({"--probe-interval", "100ms"}).output, Contains("probe_timeout is not less than probe_interval"));
    CHECK_THAT(run({"--join", "a:65535"}).output, Contains("is not the address that a member's clients use"));
}

TEST_CASE("--check prints what is in force and where it came from", "[config]") {
    const auto got = run({"--check", "--data", "here"}, {{"SEDGE_LOG_LEVEL", "debug"}});
    CHECK(got.action == Invocation::Action::check);
    CHECK_THAT(got.output, Contains("data = \"here\"  # --data\n"));
    CHECK_THAT(got.output, Contains("log_level = \"debug\"  # environment SEDGE_LOG_LEVEL\n"));
    CHECK_THAT(got.output, Contains("recent_bytes = \"16MB\"\n"));
    // What it prints can be read back.
    CHECK(parse_config(got.output, "printed").ok());
}

TEST_CASE("what is wrong is named with its place and what would be right", "[config]") {
    const auto complaint = [](const std::string& text) { return parse_config(text, "f.toml").status().message; };
    CHECK(complaint("\n\nlisten_ = \"a:1\"\n") == "f.toml:3: there is no option \"listen_\"; did you mean \"listen\"?");
    CHECK_THAT(complaint("a = 1\nb ="), Contains("f.toml:2: not valid TOML"));
    CHECK_THAT(complaint("name = [1]\n"), Contains("f.toml:1: name: must be a single value: name = \"NAME\""));

    const TemporaryFile file("# comment\nlisten = \"nonsense\"\n");
    const auto bad_file = run({"--config", file.path()});
    CHECK(bad_file.action == Invocation::Action::exit);
    CHECK(bad_file.exit_status == 2);
    CHECK(bad_file.output == "sedged: " + file.path() + ":2: listen: \"nonsense\" is not HOST:PORT, for example 127.0.0.1:7701\n");

    CHECK_THAT(run({"--listen", "x"}).output, Contains("sedged: --listen: \"x\" is not HOST:PORT"));
    CHECK_THAT(run({}, {{"SEDGE_MAX_CONNECTIONS", "0"}}).output,
               Contains("environment SEDGE_MAX_CONNECTIONS: \"0\" is not a number from 1 to 100000"));
    CHECK_THAT(run({"--config", "/no/such/file"}).output, Contains("/no/such/file: cannot be read: No such file"));
    CHECK(run({"--nonsense"}).exit_status == 2);
    CHECK(run({"--name", "a b"}).exit_status == 2);
    CHECK_THAT(run({"--label", "oslo"}).output, Contains("is not KEY=VALUE, for example site=oslo"));
    CHECK(run({"--listen", "127.0.0.1:65500"}).exit_status == 2);
}

TEST_CASE("the example file names every option with its default", "[config]") {
    std::ifstream in(std::string(SEDGE_SOURCE_DIR) + "/node/sedge.toml");
    std::string text;
    for (std::string line; std::getline(in, line);) {
        const bool is_option = line.size() > 1 && line[0] == '#' && line[1] != ' ' && line[1] != '-';
        text += (is_option ? line.substr(1) : line) + "\n";
    }
    const auto file = parse_config(text, "sedge.toml");
    REQUIRE(file.ok());
    NodeConfig defaults, described;
    for (const auto& option : config_options()) {
        INFO(option.key);
        const auto entry = file->find(std::string(option.key));
        REQUIRE(entry != file->end());
        if (option.kind == ConfigOption::Kind::list || option.key == "name") continue;  // examples
        REQUIRE(option.set(described, entry->second.front().text).ok());
        CHECK(option.show(described) == option.show(defaults));
    }
    CHECK(file->size() == config_options().size());
}

TEST_CASE("help has every option and an example, and is no error", "[config]") {
    const auto got = run({"--help"});
    CHECK(got.exit_status == 0);
    CHECK_THAT(got.output, Contains("Examples:"));
    for (const auto& option : config_options()) CHECK_THAT(got.output, Contains(std::string(option.option)));
    CHECK_THAT(run({"--version"}).output, Contains("sedge 0."));
}

TEST_CASE("values: addresses, sizes, durations", "[config]") {
    CHECK(parse_host_port("[::1]:80").value() == HostPort{"::1", 80});
    CHECK(to_string(HostPort{"::1", 80}) == "[::1]:80");
    CHECK(parse_host_port("tcp://edge.local:7701").value() == HostPort{"edge.local", 7701});
    for (const char* bad : {"", "7701", ":7701", "a:b", "a:", "a:65536", "::1:80", "a b:1", "[::1:80", "[]:80"})
        CHECK_FALSE(parse_host_port(bad).ok());
    CHECK(parse_bytes("64MB").value() == 64u << 20);
    CHECK(parse_bytes("1GiB").value() == 1u << 30);
    CHECK(parse_bytes("17").value() == 17);
    for (const char* bad : {"", "MB", "-1", "1XB", "99999999999999999999", "18446744073709551615KB"}) CHECK_FALSE(parse_bytes(bad).ok());
    CHECK(parse_time_span_ms("7d").value() == 7ull * 24 * 3600 * 1000);
    CHECK(parse_time_span_ms("250ms").value() == 250);
    for (const char* bad : {"", "7", "d", "1w"}) CHECK_FALSE(parse_time_span_ms(bad).ok());
    CHECK(format_time_span_ms(7ull * 24 * 3600 * 1000) == "7d");
    CHECK(format_bytes((1u << 20) + 1) == "1048577");
    CHECK(edit_distance("listen", "lisen") == 1);
}
