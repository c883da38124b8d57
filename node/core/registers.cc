// Proposing and accepting. See registers_state.h for the other parts.
#include "node/core/registers.h"

#include <algorithm>

#include "node/core/log_entries.h"
#include "node/core/registers_state.h"

namespace sedge::node {
namespace {

JournalEntry record_entry(const AcceptorRecord& record) {
    Buffer payload;
    encode_acceptor_record(record, payload);
    return {EntryType::acceptor_record, {}, {}, SharedBytes::take(std::move(payload))};
}

JournalEntry fence_entry(std::uint64_t number, const ChosenValue& voters) {
    Buffer payload;
    encode_fence_record({number, voters}, payload);
    return {EntryType::acceptor_fence, {}, {}, SharedBytes::take(std::move(payload))};
}

}  // namespace

Registers::Registers(Options options, std::uint64_t seed) : state_(std::make_unique<State>(std::move(options), seed)) {}
Registers::~Registers() = default;

// --- Restoring ---

bool Registers::restore_entry(EntryType type, ByteView payload) {
    State& s = *state_;
    switch (type) {
        case EntryType::acceptor_made: {
            const auto id = decode_number(payload);
            if (!id || *id == 0) return false;
            if (s.id != AcceptorId{*id}) s.acceptor = {};
            s.id = AcceptorId{*id};
            return true;
        }
        case EntryType::acceptor_record: {
            auto record = decode_acceptor_record(payload);
            if (!record) return false;
            s.counter = std::max(s.counter, record->promised.counter);
            s.acceptor.restore(std::move(*record));
            return true;
        }
        case EntryType::acceptor_fence: {
            const auto fence = decode_fence_record(payload);
            if (!fence) return false;
            s.acceptor.restore_fence(fence->number);
            if (const auto voters = decode_voter_set(fence->voters.value); voters && voters->number >= s.voters.number) {
                s.voters = *voters;
                s.chosen_voters = fence->voters;
            }
            return true;
        }
        default: return false;
    }
}

void Registers::forget_acceptor() {
    state_->id = {};
    state_->acceptor = {};
}

std::vector<JournalEntry> Registers::checkpoint_entries() const {
    const State& s = *state_;
    std::vector<JournalEntry> out;
    if (s.id == AcceptorId{}) return out;
    out.push_back({EntryType::acceptor_made, {}, {}, encode_number(s.id.value)});
    out.push_back(fence_entry(s.acceptor.fence(), s.chosen_voters));
    for (const auto& [key, record] : s.acceptor.records()) out.push_back(record_entry(record));
    return out;
}

void Registers::start(std::uint64_t now_ms, bool founds) {
    State& s = *state_;
    s.next_digest_ms = now_ms;
    if (s.id == AcceptorId{}) {
        s.id = AcceptorId{s.random.next() | 1};
        s.output.entries.push_back({EntryType::acceptor_made, {}, {}, encode_number(s.id.value)});
    }
    if (founds) {
        VoterSet first{1, {s.id}, {}};
        ChosenValue chosen{Ballot{++s.counter, s.id, s.options.start_nonce}, {}};
        encode_voter_set(first, chosen.value);
        AcceptorRecord record{std::string(kVotersKey), chosen.ballot, chosen.ballot, chosen.value};
        s.acceptor.restore(record);
        s.acceptor.restore_fence(first.number);
        s.output.entries.push_back(record_entry(record));
        s.learn(now_ms, std::string(kVotersKey), chosen, false);
    } else if (s.voters.number != 0) {
        s.known[std::string(kVotersKey)] = s.chosen_voters;
    }
    // The only voter: what it accepted is what was chosen.
    const bool is_alone = s.voters.voters == std::vector{s.id} && !s.voters.changing();
    for (const auto& [key, record] : s.acceptor.records()) {
        if (is_alone && !record.value.empty()) s.learn(now_ms, key, {record.accepted, record.value}, false);
        if (s.is_doubtful(record)) s.doubt(key, now_ms + register_limits::kDoubtAfterMs);
    }
}

// --- Proposing ---

void Registers::change(std::uint64_t now_ms, RegisterKey key, Change change, Done done) {
    state_->enqueue(now_ms, std::move(key), {std::move(change), std::move(done)});
}

bool Registers::is_changing(const RegisterKey& key) const { return state_->running.contains(key) || state_->queued.contains(key); }

std::size_t Registers::changes() const {
    std::size_t count = state_->running.size();
    for (const auto& [key, jobs] : state_->queued) count += jobs.size();
    return count;
}

void Registers::State::enqueue(std::uint64_t now_ms, RegisterKey key, Job job) {
    queued[key].push_back(std::move(job));
    start_next(now_ms, key);
}

void Registers::State::start_next(std::uint64_t now_ms, const RegisterKey& wanted) {
    if (voters.number == 0 || running.contains(wanted)) return;
    const auto found = queued.find(wanted);
    if (found == queued.end()) return;
    const RegisterKey key = wanted;
    Job job = std::move(found->second.front());
    found->second.pop_front();
    if (found->second.empty()) queued.erase(found);
    RegisterProposer proposer(key, voters, Ballot{counter, id, options.start_nonce}, job.change, options.timing, random);
    const auto at = running.emplace(key, Running{std::move(proposer), std::move(job), voters.number, 0}).first;
    std::vector<AddressedRequest> requests;
    at->second.proposer.start(now_ms, requests);
    counter = std::max(counter, at->second.proposer.highest_counter());
    send_requests(requests);
}

// The same change once more, under the configuration that is known now, above every ballot that was used.
void Registers::State::restart(std::uint64_t now_ms, Running& waiting) {
    const RegisterKey key = waiting.proposer.key();
    counter = std::max(counter, waiting.proposer.highest_counter());
    Job job = std::move(waiting.job);
    running.erase(key);
    queued[key].push_front(std::move(job));
    start_next(now_ms, key);
}

void Registers::State::send_requests(const std::vector<AddressedRequest>& requests) {
    for (const AddressedRequest& each : requests) {
        const auto home = homes.find(each.to);
        if (home == homes.end()) continue;  // nobody knows where it lives: it is asked again
        Buffer payload;
        encode_acceptor_call({each.to, chosen_voters, each.request}, payload);
        send(home->second, PeerKind::register_request, std::move(payload));
    }
}

// Looks whether the proposer of `key` is done.
void Registers::State::settle(std::uint64_t now_ms, const RegisterKey& wanted) {
    const auto found = running.find(wanted);
    if (found == running.end()) return;
    const RegisterKey key = wanted;
    Running& current = found->second;
    counter = std::max(counter, current.proposer.highest_counter());
    if (current.proposer.state() == RegisterProposer::State::out_of_date) {
        if (voters.number >= current.proposer.newer_voter_set()) return restart(now_ms, current);
        // Who knows the newer one may be gone before it tells: then those who are left decide without it.
        current.waits_until_ms = now_ms + options.timing.max_backoff_ms;
        return;
    }
    if (current.proposer.state() != RegisterProposer::State::chosen) return;
    const Outcome outcome{{current.proposer.ballot(), current.proposer.value()}, current.proposer.changed()};
    const Done done = std::move(current.job.done);
    running.erase(found);
    if (!outcome.chosen.value.empty()) learn(now_ms, key, outcome.chosen, true);
    start_next(now_ms, key);
    if (done) done(outcome);
}

void Registers::State::on_answer(std::uint64_t now_ms, NodeId from, const AcceptorAnswer& answer) {
    const auto home = homes.find(answer.from);
    if (home == homes.end() || home->second != from) return;  // not where that acceptor lives
    if (const auto* fenced = std::get_if<Fenced>(&answer.reply)) return on_fenced(now_ms, answer.from, *fenced);
    const RegisterKey* key = std::visit(
        [](const auto& reply) -> const RegisterKey* {
            if constexpr (requires { reply.key; }) return &reply.key;
            return nullptr;
        },
        answer.reply);
    if (std::holds_alternative<OutOfDate>(answer.reply)) ask_for_voters(from);
    const auto found = key == nullptr ? running.end() : running.find(*key);
    if (found == running.end()) return;
    std::vector<AddressedRequest> requests;
    found->second.proposer.on_reply(now_ms, answer.from, answer.reply, requests);
    send_requests(requests);
    settle(now_ms, *key);
}

// --- Accepting ---

void Registers::State::on_call(std::uint64_t now_ms, NodeId from, const AcceptorCall& call) {
    if (call.to != id) return;  // a memory that is no more
    const std::uint64_t number = std::visit([](const auto& request) { return request.voter_set; }, call.request);
    if (number == voters.number && !voters.contains(id)) return;  // nobody has let this memory in
    const RegisterKey* key = nullptr;
    if (const auto* prepare = std::get_if<Prepare>(&call.request)) key = &prepare->key;
    if (const auto* accept = std::get_if<Accept>(&call.request)) key = &accept->key;
    const bool is_full = acceptor.records().size() >= options.max_keys;
    if (key != nullptr && is_full && *key != kVotersKey && !acceptor.records().contains(*key)) return;
    const Acceptor::Outcome outcome = acceptor.handle(call.request);
    store(now_ms, outcome);
    Buffer payload;
    encode_acceptor_answer({id, outcome.reply}, payload);
    output.messages_when_durable.push_back({from, PeerKind::register_reply, std::move(payload)});
}

void Registers::State::store(std::uint64_t now_ms, const Acceptor::Outcome& outcome) {
    if (outcome.fence_moved) store_fence();
    if (!outcome.changed) return;
    const AcceptorRecord& record = *outcome.changed;
    counter = std::max(counter, record.promised.counter);
    output.entries.push_back(record_entry(record));
    if (!is_doubtful(record)) return trust(record.key);
    if (record.accepted != record.promised) return;
    doubt(record.key, now_ms + register_limits::kDoubtAfterMs + random.below(register_limits::kDoubtSpreadMs));
}

void Registers::State::store_fence() { output.entries.push_back(fence_entry(acceptor.fence(), chosen_voters)); }

// --- Events ---

void Registers::on_members(const std::vector<Member>& members) {
    State& s = *state_;
    s.homes.clear();
    s.others.clear();
    for (const Member& each : members) {
        if (each.state >= MemberState::dead) continue;
        if (each.facts.acceptor != AcceptorId{}) s.homes[each.facts.acceptor] = each.id;
        if (each.id != s.options.self) s.others.push_back(each.id);
    }
    if (s.id != AcceptorId{}) s.homes[s.id] = s.options.self;
}

bool Registers::on_message(std::uint64_t now_ms, NodeId from, PeerKind kind, ByteView payload) {
    State& s = *state_;
    switch (kind) {
        case PeerKind::register_request: {
            const auto call = decode_acceptor_call(payload);
            if (!call) return false;
            if (!call->voters.value.empty()) s.learn(now_ms, std::string(kVotersKey), call->voters, false);
            s.on_call(now_ms, from, *call);
            return true;
        }
        case PeerKind::register_reply: {
            const auto answer = decode_acceptor_answer(payload);
            if (answer) s.on_answer(now_ms, from, *answer);
            return answer.has_value();
        }
        case PeerKind::register_news: {
            const auto news = decode_register_news(payload);
            if (!news) return false;
            for (const auto& [key, chosen] : *news) s.learn(now_ms, key, chosen, false);
            return true;
        }
        case PeerKind::register_digest: {
            const auto digest = decode_register_digest(payload);
            if (digest) s.on_digest(now_ms, from, *digest);
            return digest.has_value();
        }
        default: return false;
    }
}

void Registers::on_tick(std::uint64_t now_ms) {
    State& s = *state_;
    std::vector<RegisterKey> due;
    for (const auto& [key, running] : s.running)
        if (running.next_tick_ms() <= now_ms) due.push_back(key);
    for (const RegisterKey& key : due) {
        const auto found = s.running.find(key);
        if (found == s.running.end()) continue;
        if (found->second.waits_until_ms != 0 && found->second.waits_until_ms <= now_ms) {
            s.restart(now_ms, found->second);
            continue;
        }
        std::vector<AddressedRequest> requests;
        found->second.proposer.on_tick(now_ms, requests);
        s.send_requests(requests);
        s.settle(now_ms, key);
    }
    if (now_ms >= s.next_digest_ms) s.tick_digest(now_ms);
    s.read_doubtful(now_ms);
    s.tick_voters(now_ms);
}

std::uint64_t Registers::next_tick_ms() const {
    const State& s = *state_;
    std::uint64_t next = s.others.empty() ? UINT64_MAX : s.next_digest_ms;
    if (!s.doubts_due.empty() && s.doubts_under_way < register_limits::kReadsUnderWay)
        next = std::min(next, s.doubts_due.begin()->first);
    for (const auto& [key, running] : s.running) next = std::min(next, running.next_tick_ms());
    if (s.voter_change) next = std::min(next, s.voter_change->resend_ms);
    return next;
}

// --- What is known ---

const ChosenValue* Registers::known(const RegisterKey& key) const {
    const auto found = state_->known.find(key);
    return found == state_->known.end() ? nullptr : &found->second;
}

const std::map<RegisterKey, ChosenValue, std::less<>>& Registers::known() const { return state_->known; }

std::vector<std::pair<RegisterKey, ChosenValue>> Registers::take_news() { return std::exchange(state_->news, {}); }

AcceptorId Registers::acceptor_id() const { return state_->id; }
const VoterSet& Registers::voters() const { return state_->voters; }

void Registers::want_voters(std::uint64_t now_ms, std::vector<AcceptorId> wanted) { state_->want_voters(now_ms, std::move(wanted)); }

bool Registers::has_output() const {
    const Output& output = state_->output;
    return !output.entries.empty() || !output.messages.empty() || !output.messages_when_durable.empty() || !state_->news.empty();
}

void Registers::Output::add(Output later) {
    std::move(later.entries.begin(), later.entries.end(), std::back_inserter(entries));
    std::move(later.messages.begin(), later.messages.end(), std::back_inserter(messages));
    std::move(later.messages_when_durable.begin(), later.messages_when_durable.end(), std::back_inserter(messages_when_durable));
}

Registers::Output Registers::take_output() { return std::exchange(state_->output, {}); }

}  // namespace sedge::node
