#include "tests/unit/core/registers_world.h"

#include <algorithm>

#include "node/core/log_entries.h"

namespace sedge::node {
namespace {

constexpr std::size_t kMarkBytes = 2;
const RegisterKey kKeys[] = {"a", "b", "c"};

std::size_t times(const RegisterValue& value, std::uint64_t number) {
    std::size_t found = 0;
    for (std::size_t at = 0; at + kMarkBytes <= value.size(); at += kMarkBytes)
        found += std::to_integer<std::uint64_t>(value[at]) == number >> 8 && std::to_integer<std::uint64_t>(value[at + 1]) == (number & 0xFF);
    return found;
}

bool is_prefix(const RegisterValue& shorter, const RegisterValue& longer) {
    return shorter.size() <= longer.size() && std::equal(shorter.begin(), shorter.end(), longer.begin());
}

}  // namespace

RegistersWorld::RegistersWorld(Wanted wanted) : wanted_(wanted), random_(wanted.seed) {
    loss_percent_ = static_cast<std::uint32_t>(random_.below(25));
    nodes_.reserve(wanted_.nodes);
}

// For a failing seed: what everybody believes.
std::string RegistersWorld::dump() const {
    std::string out;
    const auto ids = [&](const std::vector<AcceptorId>& list) {
        for (const AcceptorId id : list) {
            const auto at = std::find_if(nodes_.begin(), nodes_.end(), [&](const Node& each) { return each.memory == id; });
            out += at == nodes_.end() ? " gone" : " " + std::to_string(at->id.value);
        }
    };
    for (const auto& [number, operation] : operations_) out += "\n  open: " + operation.key + " on " + std::to_string(operation.node + 1);
    for (const Node& each : nodes_) {
        out += "\n  node " + std::to_string(each.id.value) + (each.registers ? ": voters " : ": down");
        if (!each.registers) continue;
        const VoterSet& voters = each.registers->voters();
        out += std::to_string(voters.number) + ":";
        ids(voters.voters);
        out += " ->";
        ids(voters.next);
        for (const auto& [key, longest] : longest_) {
            const ChosenValue* known = each.registers->known(key);
            out += "; " + key + " " + std::to_string(known == nullptr ? 0 : known->value.size()) + "/" + std::to_string(longest.size());
        }
    }
    return out;
}

std::optional<std::string> RegistersWorld::run() {
    try {
        live();
        heal();
    } catch (const Broken& broken) {
        return broken.what + dump();
    }
    return std::nullopt;
}

// --- Nodes ---

void RegistersWorld::start(Node& node) {
    const bool is_first = node.memory == AcceptorId{};
    ++node.starts;
    Registers::Options options;
    options.self = node.id;
    options.start_nonce = start_nonce(node);
    options.timing = {60, 10, 160};
    options.digest_interval_ms = 100;
    options.max_keys = 100;
    node.registers = std::make_unique<Registers>(options, random_.next());
    for (const JournalEntry& entry : node.disk)
        if (!node.registers->restore_entry(entry.type, entry.payload.view())) throw Broken{"an entry does not restore"};
    // As a checkpoint does.
    if (random_.chance(30)) {
        auto same = node.registers->checkpoint_entries();
        if (!same.empty()) node.disk = std::move(same);
    }
    node.known_size.clear();
    node.registers->start(now_ms_, is_first && fresh_starts_++ == 0);
    node.memory = node.registers->acceptor_id();
    pump(node);
    while (!node.pending.empty() && is_first) sync(node);
    tell_members();
}

void RegistersWorld::crash(Node& node) {
    for (auto at = operations_.begin(); at != operations_.end();)
        at = at->second.node == index_of(node.id) ? operations_.erase(at) : std::next(at);
    node.registers.reset();
    node.pending.clear();
}

void RegistersWorld::wipe(Node& node) {
    wiped_.insert(node.memory);
    node.memory = {};
    node.disk.clear();
}

// A wiped disk must leave a majority of every configuration that may be the one in force, as far as the other disks tell.
bool RegistersWorld::may_wipe(const Node& node) const {
    std::uint64_t newest = 0;
    for (const Node& each : nodes_)
        for (const JournalEntry& entry : each.disk) {
            const auto fence = entry.type == EntryType::acceptor_fence && &each != &node ? decode_fence_record(entry.payload.view()) : std::nullopt;
            const auto set = fence ? decode_voter_set(fence->voters.value) : std::nullopt;
            if (set) newest = std::max(newest, set->number);
        }
    return std::all_of(possible_voters_.begin(), possible_voters_.end(), [&](const VoterSet& set) {
        if (set.number < newest) return true;
        std::set<AcceptorId> left;
        for (const AcceptorId each : set.everyone())
            if (each != node.memory && !wiped_.contains(each)) left.insert(each);
        return set.is_quorum(left);
    });
}

void RegistersWorld::sync(Node& node) {
    if (node.pending.empty()) return;
    Pending done = std::move(node.pending.front());
    node.pending.pop_front();
    std::move(done.entries.begin(), done.entries.end(), std::back_inserter(node.disk));
    for (const auto& message : done.messages) post(node, message);
    pump(node);
}

void RegistersWorld::pump(Node& node) {
    while (node.registers && node.registers->has_output()) {
        Registers::Output output = node.registers->take_output();
        for (const JournalEntry& entry : output.entries) {
            const auto record = entry.type == EntryType::acceptor_record ? decode_acceptor_record(entry.payload.view()) : std::nullopt;
            if (!record || record->key != kVotersKey) continue;
            if (const auto set = decode_voter_set(record->value)) possible_voters_.push_back(*set);
        }
        if (wanted_.bug == Bug::reply_before_durable)
            std::move(output.messages_when_durable.begin(), output.messages_when_durable.end(), std::back_inserter(output.messages));
        else if (!output.entries.empty() || !output.messages_when_durable.empty())
            node.pending.push_back({{}, std::move(output.messages_when_durable)});
        if (!output.entries.empty()) {
            if (wanted_.bug == Bug::reply_before_durable) node.pending.push_back({});
            node.pending.back().entries = std::move(output.entries);
        }
        check_known(node);
        for (const auto& message : output.messages) post(node, message);
    }
}

void RegistersWorld::tell_members() {
    std::vector<Member> members;
    for (const Node& each : nodes_) {
        Member member;
        member.id = each.id;
        member.state = each.is_called_dead ? MemberState::dead : MemberState::alive;
        member.facts.acceptor = each.memory;
        members.push_back(member);
    }
    for (Node& each : nodes_)
        if (each.registers) each.registers->on_members(members);
}

// On each side of a cut the lowest living node wants as many voters as there can be, and the dead replaced.
void RegistersWorld::tend_voters() {
    for (const bool cut_off : {false, true}) {
        std::vector<Node*> living;
        for (Node& each : nodes_)
            if (each.registers && each.is_cut_off == cut_off) living.push_back(&each);
        if (living.empty() || living.front()->registers->voters().number == 0) continue;
        const VoterSet voters = living.front()->registers->voters();
        const auto lives = [&](AcceptorId id) {
            return std::any_of(living.begin(), living.end(), [&](const Node* each) { return each->memory == id; });
        };
        std::vector<AcceptorId> wanted = voters.voters;
        const std::size_t most = std::max(voters_for(living.size(), 5), wanted.size());
        for (const Node* each : living) {
            if (voters.contains(each->memory)) continue;
            const auto dead = std::find_if(wanted.begin(), wanted.end(), [&](AcceptorId id) { return !lives(id); });
            if (wanted.size() < most)
                wanted.push_back(each->memory);
            else if (dead != wanted.end())
                *dead = each->memory;
        }
        if (wanted.size() % 2 == 0) wanted.pop_back();
        std::sort(wanted.begin(), wanted.end());
        if (wanted != voters.voters && !voters.changing()) possible_voters_.push_back({voters.number + 1, voters.voters, wanted});
        living.front()->registers->want_voters(now_ms_, wanted);
        pump(*living.front());
    }
}

void RegistersWorld::tick(Node& node) {
    if (!node.registers || node.registers->next_tick_ms() > now_ms_) return;
    node.registers->on_tick(now_ms_);
    pump(node);
}

// --- The network ---

void RegistersWorld::post(const Node& from, const Registers::Message& message) {
    if (network_.size() > 3'000) network_.erase(network_.begin());
    network_.push_back({index_of(from.id), index_of(message.to), message.kind, message.payload});
}

void RegistersWorld::deliver(std::size_t place) {
    std::swap(network_[place], network_.back());
    const Envelope envelope = std::move(network_.back());
    network_.pop_back();
    const bool is_self = envelope.from == envelope.to;
    if (!is_self && !is_healed_ && random_.chance(5)) network_.push_back(envelope);
    if (!is_self && random_.chance(loss_percent_)) return;
    if (envelope.to >= nodes_.size()) return;
    Node& to = nodes_[envelope.to];
    if (!to.registers || to.is_cut_off != nodes_[envelope.from].is_cut_off) return;
    // Without the fence, being told is all that keeps a node from going by old voters: here it is seldom told.
    const bool spreads = envelope.kind == PeerKind::register_news || envelope.kind == PeerKind::register_digest;
    const bool is_deaf = wanted_.bug == Bug::fence_skipped && !is_healed_ && to.registers->voters().number > 0;
    if (is_deaf && spreads && random_.chance(90)) return;
    hand_over(to, NodeId{envelope.from + 1}, envelope.kind, envelope.payload);
}

void RegistersWorld::deliver_random() {
    if (!network_.empty()) deliver(static_cast<std::size_t>(random_.below(network_.size())));
}

void RegistersWorld::hand_over(Node& to, NodeId from, PeerKind kind, Buffer payload) {
    if (wanted_.bug != Bug::none) spoil(to, kind, payload);
    if (!to.registers->on_message(now_ms_, from, kind, payload)) throw Broken{"a message makes no sense"};
    pump(to);
}

void RegistersWorld::spoil(const Node& node, PeerKind kind, Buffer& payload) const {
    if (kind == PeerKind::register_request) {
        auto call = decode_acceptor_call(payload);
        std::visit([&](auto& request) { spoil_request(request, *call); }, call->request);
        payload.clear();
        encode_acceptor_call(*call, payload);
    } else if (kind == PeerKind::register_reply) {
        auto answer = decode_acceptor_answer(payload);
        if (const auto* outbid = std::get_if<Outbid>(&answer->reply); outbid != nullptr && wanted_.bug == Bug::ballots_shared)
            if (outbid->promised == outbid->ballot) answer->reply = promise_again(answer->from, *outbid);
        std::visit([&](auto& reply) { spoil_reply(reply, node); }, answer->reply);
        payload.clear();
        encode_acceptor_answer(*answer, payload);
    }
}

void RegistersWorld::spoil_request(auto& request, AcceptorCall& call) const {
    if (wanted_.bug == Bug::fence_skipped) {
        request.voter_set = 1;
        call.voters = {};
    }
    if constexpr (requires { request.ballot; })
        if (wanted_.bug == Bug::ballots_shared) request.ballot = {request.ballot.counter, AcceptorId{1}, 1};
}

// As if an acceptor answered a repeated prepare.
AcceptorReply RegistersWorld::promise_again(AcceptorId from, const Outbid& outbid) const {
    Promised promised{outbid.key, outbid.ballot, {}, {}};
    for (const Node& each : nodes_) {
        if (each.memory != from) continue;
        for (const JournalEntry& entry : each.disk) {
            const auto record = entry.type == EntryType::acceptor_record ? decode_acceptor_record(entry.payload.view()) : std::nullopt;
            if (!record || record->key != outbid.key) continue;
            promised.accepted_ballot = record->accepted;
            promised.accepted_value = record->value;
        }
    }
    return promised;
}

void RegistersWorld::spoil_reply(auto& reply, const Node& node) const {
    if constexpr (requires { reply.keys; }) {
        if (wanted_.bug == Bug::fence_skipped) reply.voter_set = node.registers->voters().number;
        if (wanted_.bug == Bug::copy_skipped) reply.keys.clear();
    } else if (wanted_.bug == Bug::ballots_shared) {
        reply.ballot = {reply.ballot.counter, node.memory, start_nonce(node)};
    }
}

// --- What is checked ---

void RegistersWorld::begin_operation(std::size_t node, const RegisterKey& key, bool is_read) {
    const std::uint64_t number = ++begun_;
    operations_[number] = {key, node, told_[key], is_read};
    const auto append = [number, is_read](const RegisterValue& current) -> std::optional<RegisterValue> {
        if (is_read || times(current, number) > 0) return std::nullopt;
        RegisterValue longer = current;
        longer.push_back(static_cast<std::byte>(number >> 8));
        longer.push_back(static_cast<std::byte>(number & 0xFF));
        return longer;
    };
    nodes_[node].registers->change(now_ms_, key, append, [this, number](const Registers::Outcome& outcome) { on_finished(number, outcome); });
    pump(nodes_[node]);
}

void RegistersWorld::on_finished(std::uint64_t number, const Registers::Outcome& outcome) {
    const auto found = operations_.find(number);
    if (found == operations_.end()) throw Broken{"an operation ends twice"};
    const Operation operation = found->second;
    operations_.erase(found);
    ++finished_;
    const RegisterValue& value = outcome.chosen.value;
    if (times(value, number) != (operation.is_read ? 0 : 1)) throw Broken{"a change is not there once"};
    if (value.size() < operation.seen_before) throw Broken{"a register went back"};
    on_value(operation.key, value);
    told_[operation.key] = std::max(told_[operation.key], value.size());
}

void RegistersWorld::on_value(const RegisterKey& key, const RegisterValue& value) {
    RegisterValue& longest = longest_[key];
    if (is_prefix(value, longest)) return;
    if (!is_prefix(longest, value)) throw Broken{"register " + key + " has forked"};
    longest = value;
}

void RegistersWorld::on_voters(const RegisterValue& value) {
    const auto set = decode_voter_set(value);
    if (!set) throw Broken{"the voters are none"};
    const auto [at, is_new] = voter_sets_.emplace(set->number, value);
    if (!is_new && at->second != value) throw Broken{"one number names two configurations"};
    newest_voters_ = std::max(newest_voters_, set->number);
}

void RegistersWorld::check_known(Node& node) {
    for (const auto& [key, chosen] : node.registers->take_news()) {
        if (key == kVotersKey) {
            on_voters(chosen.value);
            continue;
        }
        std::size_t& size = node.known_size[key];
        if (chosen.value.size() < size) throw Broken{"what is known went back"};
        size = chosen.value.size();
        on_value(key, chosen.value);
    }
}

// --- The course of a run ---

RegistersWorld::Node* RegistersWorld::random_node(bool running) {
    std::vector<Node*> some;
    for (Node& each : nodes_)
        if ((each.registers != nullptr) == running) some.push_back(&each);
    return some.empty() ? nullptr : some[random_.below(some.size())];
}

void RegistersWorld::live() {
    for (std::size_t step = 0; step < 900; ++step) {
        const bool joins = nodes_.empty() || (nodes_.size() < wanted_.nodes && random_.below(60) == 0);
        if (joins) {
            const NodeId id{nodes_.size() + 1};
            nodes_.emplace_back().id = id;
            start(nodes_.back());
        }
        now_ms_ += random_.below(4);
        for (std::uint64_t i = random_.below(6); i > 0; --i) deliver_random();
        if (Node* node = random_node(true)) sync(*node);
        for (Node& each : nodes_) tick(each);
        if (begun_ < wanted_.operations && random_.chance(4))
            if (Node* node = random_node(true))
                begin_operation(index_of(node->id), kKeys[random_.below(std::size(kKeys))], random_.chance(25));
        if (random_.chance(3)) tend_voters();
        if (random_.chance(3)) fault();
    }
}

void RegistersWorld::fault() {
    switch (random_.below(6)) {
        case 0:
        case 1:
            if (Node* node = random_node(true)) crash(*node);
            break;
        case 2:
        case 3:
            if (Node* node = random_node(false)) {
                if (wanted_.wipes && random_.chance(40) && may_wipe(*node)) wipe(*node);
                start(*node);
            }
            break;
        case 4:  // a cut, or none any more
            for (Node& each : nodes_) each.is_cut_off = random_.chance(30);
            break;
        case 5:
            for (Node& each : nodes_) each.is_called_dead = !each.registers && random_.chance(50);
            tell_members();
            break;
        default: break;
    }
}

bool RegistersWorld::is_settled() {
    if (!operations_.empty()) return false;
    const VoterSet& voters = nodes_.front().registers->voters();
    return std::all_of(nodes_.begin(), nodes_.end(), [&](const Node& each) {
        if (each.registers->voters() != voters || voters.changing()) return false;
        return std::all_of(longest_.begin(), longest_.end(), [&](const auto& final) {
            const ChosenValue* known = each.registers->known(final.first);
            return (known == nullptr ? RegisterValue() : known->value) == final.second;
        });
    });
}

bool RegistersWorld::settle(std::uint64_t limit_ms) {
    const std::uint64_t end_ms = now_ms_ + limit_ms;
    std::uint64_t next_voters_ms = now_ms_;
    while (!is_settled()) {
        if (now_ms_ > end_ms) {
            hangs_ = true;
            return false;
        }
        for (std::size_t left = network_.size(); left > 0; --left) deliver_random();
        for (Node& each : nodes_) {
            sync(each);
            tick(each);
        }
        if (now_ms_ >= next_voters_ms) {
            tend_voters();
            next_voters_ms = now_ms_ + 100;
        }
        if (!network_.empty()) {
            now_ms_ += 1;
            continue;
        }
        std::uint64_t next = next_voters_ms;
        for (Node& each : nodes_) next = each.pending.empty() ? std::min(next, each.registers->next_tick_ms()) : now_ms_;
        now_ms_ = std::max(now_ms_ + 1, next);
    }
    return true;
}

// Faults stop: all that was begun ends, everybody knows the same, and a last read finds it.
void RegistersWorld::heal() {
    is_healed_ = true;
    loss_percent_ = 0;
    for (Node& each : nodes_) {
        each.is_cut_off = each.is_called_dead = false;
        if (!each.registers) start(each);
    }
    tell_members();
    if (!settle(60'000)) throw Broken{"it does not settle"};
    for (std::size_t node = 0; node < nodes_.size(); ++node)
        for (const RegisterKey& key : kKeys) begin_operation(node, key, true);
    if (!settle(60'000)) throw Broken{"the last reads do not settle"};
    for (const RegisterKey& key : kKeys)
        if (told_[key] != longest_[key].size()) throw Broken{"a last read missed something"};
}

}  // namespace sedge::node
