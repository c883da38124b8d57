#include "node/io/config_options.h"

#include <unistd.h>

#include <array>
#include <limits>

#include "schema/limits.h"

namespace sedge::node {
namespace {

constexpr std::uint64_t kMiB = 1u << 20;
constexpr std::uint64_t kLeastSegmentBytes = 8 * kMiB;  // two batches of the largest size, and the checkpoint
constexpr std::size_t kMaxNameBytes = 64;

Status invalid(std::string message) { return {ErrorCode::invalid_config, std::move(message)}; }

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

Status check_name(std::string_view name, std::string_view what) {
    constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    if (!name.empty() && name.size() <= kMaxNameBytes && name.find_first_not_of(kAllowed) == std::string_view::npos) return {};
    return invalid(quoted(name) + " is not a " + std::string(what) + ": letters, digits and . _ - only, at most " +
                   std::to_string(kMaxNameBytes));
}

template <auto Member>
Status set_address(NodeConfig& config, std::string_view value) {
    auto address = parse_host_port(value);
    if (!address.ok()) return address.status();
    config.*Member = std::move(*address);
    return {};
}

template <auto Member>
Status set_flag(NodeConfig& config, std::string_view value) {
    const auto flag = parse_bool(value);
    if (!flag.ok()) return flag.status();
    config.*Member = *flag;
    return {};
}
template <auto Member>
std::string show_flag(const NodeConfig& config) {
    return config.*Member ? "true" : "false";
}

template <auto Member, std::uint64_t least, std::uint64_t most>
Status set_number(NodeConfig& config, std::string_view value) {
    const auto number = parse_number(value, least, most);
    if (!number.ok()) return number.status();
    config.*Member = *number;
    return {};
}
template <auto Member>
std::string show_number(const NodeConfig& config) {
    return std::to_string(config.*Member);
}

template <auto Member, std::uint64_t least, std::uint64_t most>
Status set_budget_count(NodeConfig& config, std::string_view value) {
    const auto number = parse_number(value, least, most);
    if (!number.ok()) return number.status();
    config.broker.*Member = *number;
    return {};
}
template <auto Member>
std::string show_budget_count(const NodeConfig& config) {
    return std::to_string(config.broker.*Member);
}

Status check_range(std::string_view value, std::uint64_t bytes, std::uint64_t least, std::uint64_t most) {
    if (bytes >= least && bytes <= most) return {};
    return invalid(quoted(value) + " is not from " + format_bytes(least) + " to " + format_bytes(most));
}

template <auto Member, std::uint64_t least, std::uint64_t most>
Status set_budget_bytes(NodeConfig& config, std::string_view value) {
    const auto bytes = parse_bytes(value);
    if (!bytes.ok()) return bytes.status();
    if (auto status = check_range(value, *bytes, least, most); !status.ok()) return status;
    config.broker.*Member = *bytes;
    return {};
}
template <auto Member>
std::string show_budget_bytes(const NodeConfig& config) {
    return quoted(format_bytes(config.broker.*Member));
}

template <auto Member, std::uint64_t least_ms>
Status set_budget_ms(NodeConfig& config, std::string_view value) {
    const auto duration_ms = parse_time_span_ms(value);
    if (!duration_ms.ok()) return duration_ms.status();
    if (*duration_ms < least_ms) return invalid(quoted(value) + " is less than " + format_time_span_ms(least_ms));
    config.broker.*Member = *duration_ms;
    return {};
}
template <auto Member>
std::string show_budget_ms(const NodeConfig& config) {
    return quoted(format_time_span_ms(config.broker.*Member));
}

template <auto Member, std::uint64_t least_ms, std::uint64_t most_ms>
Status set_gossip_ms(NodeConfig& config, std::string_view value) {
    const auto duration_ms = parse_time_span_ms(value);
    if (!duration_ms.ok()) return duration_ms.status();
    if (*duration_ms < least_ms || *duration_ms > most_ms)
        return invalid(quoted(value) + " is not from " + format_time_span_ms(least_ms) + " to " + format_time_span_ms(most_ms));
    config.broker.membership.*Member = *duration_ms;
    return {};
}
template <auto Member>
std::string show_gossip_ms(const NodeConfig& config) {
    return quoted(format_time_span_ms(config.broker.membership.*Member));
}

Status set_voters(NodeConfig& config, std::string_view value) {
    if (value != "1" && value != "3" && value != "5") return invalid(quoted(value) + " is not 1, 3 or 5");
    config.broker.voters = static_cast<std::size_t>(value.front() - '0');
    return {};
}

Status set_data(NodeConfig& config, std::string_view value) {
    if (value.empty()) return invalid("a directory is needed, for example /var/lib/sedge");
    config.data_directory = value;
    return {};
}

Status set_name(NodeConfig& config, std::string_view value) {
    config.name = value;
    return check_name(value, "node name");
}

Status add_join(NodeConfig& config, std::string_view value) {
    auto address = parse_host_port(value);
    if (!address.ok()) return address.status();
    // Peers are one port above.
    if (address->port == 0 || address->port == std::numeric_limits<std::uint16_t>::max())
        return invalid(quoted(value) + " is not the address that a member's clients use, for example 10.0.0.2:7701");
    config.join.push_back(std::move(*address));
    return {};
}
std::string show_join(const NodeConfig& config) {
    std::string out = "[";
    for (const auto& address : config.join) out += (out.size() > 1 ? ", " : "") + quoted(to_string(address));
    return out + "]";
}

Status add_label(NodeConfig& config, std::string_view value) {
    const auto equals = value.find('=');
    if (equals == std::string_view::npos) return invalid(quoted(value) + " is not KEY=VALUE, for example site=oslo");
    const auto key = value.substr(0, equals);
    if (auto status = check_name(key, "label's key"); !status.ok()) return status;
    for (const auto& [existing, unused] : config.labels)
        if (existing == key) return invalid("label " + quoted(key) + " is given twice");
    config.labels.emplace_back(key, value.substr(equals + 1));
    return {};
}
std::string show_labels(const NodeConfig& config) {
    std::string out = "{";
    for (const auto& [key, value] : config.labels)
        out += (out.size() > 1 ? ", " : " ") + quoted(key) + " = " + quoted(value);
    return out + (out.size() > 1 ? " }" : "}");
}

Status set_log_level_option(NodeConfig& config, std::string_view value) {
    const auto level = log_level_from(value);
    if (!level) return invalid(quoted(value) + " is not debug, info, warning or error");
    config.log_level = *level;
    return {};
}

Status set_segment_bytes(NodeConfig& config, std::string_view value) {
    config.segment_bytes.reset();
    if (value == "auto") return {};
    const auto bytes = parse_bytes(value);
    if (!bytes.ok()) return bytes.status();
    if (auto status = check_range(value, *bytes, kLeastSegmentBytes, 4096 * kMiB); !status.ok()) return status;
    config.segment_bytes = *bytes;
    return {};
}
std::string show_segment_bytes(const NodeConfig& config) {
    return config.segment_bytes ? quoted(format_bytes(*config.segment_bytes)) : "\"auto\"";
}

template <auto Address>
std::string show_address(const NodeConfig& config) {
    return quoted(to_string((config.*Address)()));
}

using Kind = ConfigOption::Kind;
using B = BrokerOptions;
using M = MembershipOptions;
using N = NodeConfig;
constexpr std::uint64_t kMostBytes = 64ull << 30;

const std::array kOptions{
    ConfigOption{"data", "--data", Kind::one, "DIR", "the directory that holds everything the node must remember", set_data,
                 [](const N& c) { return quoted(c.data_directory); }},
    ConfigOption{"listen", "--listen", Kind::one, "HOST:PORT", "where clients connect", set_address<&N::listen>,
                 [](const N& c) { return quoted(to_string(c.listen)); }},
    ConfigOption{"advertise", "--advertise", Kind::one, "HOST:PORT", "the address that clients are told, if it is another",
                 set_address<&N::advertise>,
                 [](const N& c) { return quoted(to_string(c.advertise.value_or(c.listen))); }},
    ConfigOption{"peer_listen", "--peer-listen", Kind::one, "HOST:PORT", "where peers connect (default: port + 1)",
                 set_address<&N::peer_listen>, show_address<&N::peer_address>},
    ConfigOption{"stream_listen", "--stream-listen", Kind::one, "HOST:PORT",
                 "where the replication stream is published (default: port + 2)", set_address<&N::stream_listen>,
                 show_address<&N::stream_address>},
    ConfigOption{"http_listen", "--http-listen", Kind::one, "HOST:PORT", "/healthz and /metrics (default: port + 79)",
                 set_address<&N::http_listen>, show_address<&N::http_address>},
    ConfigOption{"http", "--http", Kind::one, "true|false", "whether there is HTTP at all", set_flag<&N::http>,
                 show_flag<&N::http>},
    ConfigOption{"join", "--join", Kind::list, "HOST:PORT", "a member of the mesh to join, where its clients connect (repeatable)", add_join, show_join,
                 [](N& c) { c.join.clear(); }},
    ConfigOption{"name", "--name", Kind::one, "NAME", "the node's name (default: the host's; fixed once it has a mesh)", set_name,
                 [](const N& c) { return quoted(c.name); }},
    ConfigOption{"labels", "--label", Kind::list, "KEY=VALUE", "what clients may choose nodes by, as site=oslo (repeatable)",
                 add_label, show_labels, [](N& c) { c.labels.clear(); }},
    ConfigOption{"voters", "--voters", Kind::one, "1|3|5", "how many nodes are to vote, once there are as many; the same on every node",
                 set_voters, show_budget_count<&B::voters>},
    ConfigOption{"probe_interval", "--probe-interval", Kind::one, "DURATION", "how often another node is asked whether it lives",
                 set_gossip_ms<&M::probe_interval_ms, 20, 60'000>, show_gossip_ms<&M::probe_interval_ms>},
    ConfigOption{"probe_timeout", "--probe-timeout", Kind::one, "DURATION",
                 "how long it may take to answer; more than a round trip on the slowest link, less than probe_interval",
                 set_gossip_ms<&M::ping_timeout_ms, 10, 30'000>, show_gossip_ms<&M::ping_timeout_ms>},
    ConfigOption{"broken_connection_timeout", "--broken-connection-timeout", Kind::one, "DURATION",
                 "a node whose connection broke counts as dead after it, unless it answers",
                 set_gossip_ms<&M::broken_connection_ms, 20, 60'000>, show_gossip_ms<&M::broken_connection_ms>},
    ConfigOption{"digest_interval", "--digest-interval", Kind::one, "DURATION",
                 "how often two nodes compare what they know of the mesh", set_gossip_ms<&M::digest_interval_ms, 100, 3'600'000>,
                 show_gossip_ms<&M::digest_interval_ms>},
    ConfigOption{"replica_lag", "--replica-lag", Kind::one, "DURATION", "a replica that is behind for so long leaves the in-sync ones",
                 set_budget_ms<&B::replica_lag_ms, 500>, show_budget_ms<&B::replica_lag_ms>},
    ConfigOption{"replace_voter", "--replace-voter", Kind::one, "DURATION",
                 "a voter that is dead for so long gives its vote to another node", set_budget_ms<&B::replace_voter_ms, 1'000>,
                 show_budget_ms<&B::replace_voter_ms>},
    ConfigOption{"log_level", "--log-level", Kind::one, "LEVEL", "debug, info, warning or error; SIGHUP reads it again",
                 set_log_level_option, [](const N& c) { return quoted(to_string(c.log_level)); }},
    ConfigOption{"trust_clock", "--trust-clock", Kind::flag, "",
                 "retention by time runs even if the system does not call its clock synchronised", set_flag<&N::trust_clock>,
                 show_flag<&N::trust_clock>},
    ConfigOption{"max_connections", "--max-connections", Kind::one, "N", "clients connected at once; more have to wait",
                 set_number<&N::max_connections, 1, 100'000>, show_number<&N::max_connections>},
    ConfigOption{"segment_bytes", "--segment-bytes", Kind::one, "SIZE",
                 "of a journal file (default: auto, 256MB or a 64th of a smaller disk)", set_segment_bytes, show_segment_bytes},
    ConfigOption{"read_threads", "--read-threads", Kind::one, "N", "threads that read old records from the disk",
                 set_number<&N::read_threads, 1, 16>, show_number<&N::read_threads>},
    ConfigOption{"recent_bytes", "--recent-bytes", Kind::one, "SIZE", "newest records kept in memory for consumers",
                 set_budget_bytes<&B::recent_bytes, 0, kMostBytes>, show_budget_bytes<&B::recent_bytes>},
    ConfigOption{"max_unsynced_bytes", "--max-unsynced-bytes", Kind::one, "SIZE",
                 "records accepted but not yet on the disk; above it clients have to wait",
                 set_budget_bytes<&B::max_unsynced_bytes, kMiB, kMostBytes>, show_budget_bytes<&B::max_unsynced_bytes>},
    ConfigOption{"max_reply_bytes", "--max-reply-bytes", Kind::one, "SIZE", "answers that clients have not taken yet, in all",
                 set_budget_bytes<&B::max_reply_bytes, kMiB, kMostBytes>, show_budget_bytes<&B::max_reply_bytes>},
    ConfigOption{"max_reply_bytes_per_connection", "--max-reply-bytes-per-connection", Kind::one, "SIZE",
                 "the same of one client", set_budget_bytes<&B::max_reply_bytes_per_connection, kMiB, kMostBytes>,
                 show_budget_bytes<&B::max_reply_bytes_per_connection>},
    ConfigOption{"max_waiting_fetches", "--max-waiting-fetches", Kind::one, "N", "fetches that wait for records, in all",
                 set_budget_count<&B::max_waiting_fetches, 1, 10'000'000>, show_budget_count<&B::max_waiting_fetches>},
    ConfigOption{"max_waiting_fetches_per_connection", "--max-waiting-fetches-per-connection", Kind::one, "N",
                 "the same of one client", set_budget_count<&B::max_waiting_fetches_per_connection, 1, 1'000'000>,
                 show_budget_count<&B::max_waiting_fetches_per_connection>},
    ConfigOption{"max_producers_per_partition", "--max-producers-per-partition", Kind::one, "N",
                 "idempotent producers remembered in each partition",
                 set_budget_count<&B::max_producers_per_partition, 1, 1'000'000>,
                 show_budget_count<&B::max_producers_per_partition>},
    ConfigOption{"producer_expiry", "--producer-expiry", Kind::one, "DURATION", "an idle producer is forgotten after it",
                 set_budget_ms<&B::producer_expiry_ms, 60'000>, show_budget_ms<&B::producer_expiry_ms>},
    ConfigOption{"default_retention", "--default-retention", Kind::one, "DURATION", "of topics that do not say their own",
                 set_budget_ms<&B::default_retention_ms, 1'000>, show_budget_ms<&B::default_retention_ms>},
    ConfigOption{"segment_max_age", "--segment-max-age", Kind::one, "DURATION",
                 "a journal file is finished after it, so that old records can leave the disk",
                 set_budget_ms<&B::segment_max_age_ms, 1'000>, show_budget_ms<&B::segment_max_age_ms>},
    ConfigOption{"retention_check_interval", "--retention-check-interval", Kind::one, "DURATION",
                 "how often retention looks for old records", set_budget_ms<&B::retention_check_interval_ms, 10>,
                 show_budget_ms<&B::retention_check_interval_ms>},
};

HostPort beside(const HostPort& listen, std::uint16_t distance) {
    return {listen.host, listen.port == 0 ? std::uint16_t{0} : static_cast<std::uint16_t>(listen.port + distance)};
}

}  // namespace

HostPort NodeConfig::http_address() const { return http_listen.value_or(beside(listen, 79)); }
HostPort NodeConfig::peer_address() const { return peer_listen.value_or(beside(listen, 1)); }
HostPort NodeConfig::stream_address() const { return stream_listen.value_or(beside(listen, 2)); }

std::span<const ConfigOption> config_options() { return kOptions; }

const ConfigOption* find_config_option(std::string_view key) {
    for (const auto& option : kOptions)
        if (option.key == key) return &option;
    return nullptr;
}

std::string environment_name(const ConfigOption& option) {
    std::string name = "SEDGE_";
    for (const char c : option.key) name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    return name;
}

Status check_config(const NodeConfig& config) {
    constexpr std::uint16_t kHighestOffset = 79;
    if (config.listen.port > std::numeric_limits<std::uint16_t>::max() - kHighestOffset)
        return invalid("listen: port " + std::to_string(config.listen.port) + " leaves no room for HTTP at port + 79; use 65456 or less");
    if (config.broker.membership.ping_timeout_ms >= config.broker.membership.probe_interval_ms)
        return invalid("probe_timeout is not less than probe_interval");
    if (config.broker.max_reply_bytes_per_connection > config.broker.max_reply_bytes)
        return invalid("max_reply_bytes_per_connection is more than max_reply_bytes");
    return {};
}

}  // namespace sedge::node
