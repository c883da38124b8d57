#include "node/core/register_proposer.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <memory>

#include "node/core/acceptor.h"

using namespace sedge;
using namespace sedge::node;

namespace {

// Registers under a bad network and crashing voters, with virtual time. Each change appends its own number to the register's list,
// so linearizability is easy to see: every list that anybody was ever told is a prefix of the final one (no fork, nothing lost),
// each finished change is in it once, and an operation sees all that had finished before it began.
class RegisterWorld {
  public:
    explicit RegisterWorld(std::uint64_t seed, std::size_t voters) : random_(seed), voters_(voters) {
        set_.number = 1;
        for (std::size_t i = 0; i < voters; ++i) set_.voters.push_back(AcceptorId{i + 1});
        loss_percent_ = static_cast<std::uint32_t>(random_.below(40));
    }

    void run(std::size_t operations) {
        for (std::size_t step = 0; step < 200'000 && finished_.size() < operations; ++step) {
            if (started_ < operations && proposers_.size() < 3 && random_.chance(5)) begin_operation();
            if (random_.chance(1)) crash(static_cast<std::size_t>(random_.below(voters_.size())));
            deliver_one();
            now_ms_ += random_.below(4);
            tick();
        }
        REQUIRE(finished_.size() == operations);
        check_history();
    }

  private:
    struct Voter {
        Acceptor memory;
        std::vector<AcceptorRecord> disk;  // everything stored, in order
        std::uint64_t fence_on_disk = 0;
    };
    struct Operation {
        std::uint64_t number = 0;
        bool read = false;
        std::size_t finished_before = 0;  // how many operations had finished when this one began
        std::unique_ptr<RegisterProposer> proposer;
    };
    struct Finished {
        std::uint64_t number;
        bool read;
        std::size_t finished_before;
        RegisterValue seen;
    };
    struct Envelope {
        std::uint64_t operation;
        AcceptorId voter;
        std::variant<AcceptorRequest, AcceptorReply> message;
    };

    void begin_operation() {
        Operation operation;
        operation.number = ++started_;
        operation.read = random_.chance(30);
        operation.finished_before = finished_.size();
        const auto mark = static_cast<std::byte>(operation.number);
        const bool read = operation.read;
        auto append = [mark, read](const RegisterValue& current) -> std::optional<RegisterValue> {
            if (read || std::find(current.begin(), current.end(), mark) != current.end()) return std::nullopt;
            RegisterValue longer = current;
            longer.push_back(mark);
            return longer;
        };
        const Ballot first{random_.below(5), AcceptorId{100 + operation.number}, 0};
        operation.proposer =
            std::make_unique<RegisterProposer>("k", set_, first, append, RegisterProposer::Timing{}, random_);
        std::vector<AddressedRequest> out;
        operation.proposer->start(now_ms_, out);
        post(operation.number, out);
        proposers_.emplace(operation.number, std::move(operation));
    }

    void post(std::uint64_t operation, std::vector<AddressedRequest>& out) {
        for (AddressedRequest& request : out) network_.push_back({operation, request.to, std::move(request.request)});
        out.clear();
    }

    // A crash loses the memory and comes back with the disk; replies in this world leave only after the write.
    void crash(std::size_t which) {
        Voter& voter = voters_[which];
        voter.memory = Acceptor();
        voter.memory.restore_fence(voter.fence_on_disk);
        for (const AcceptorRecord& record : voter.disk) voter.memory.restore(record);
    }

    void deliver_one() {
        if (network_.empty()) return;
        const std::size_t pick = static_cast<std::size_t>(random_.below(network_.size()));
        const Envelope envelope = network_[pick];
        if (!random_.chance(10)) network_.erase(network_.begin() + static_cast<std::ptrdiff_t>(pick));  // else: duplicated
        if (random_.chance(loss_percent_)) return;
        if (const auto* request = std::get_if<AcceptorRequest>(&envelope.message)) {
            Voter& voter = voters_[envelope.voter.value - 1];
            auto outcome = voter.memory.handle(*request);
            if (outcome.fence_moved) voter.fence_on_disk = voter.memory.fence();
            if (outcome.changed) voter.disk.push_back(*outcome.changed);
            network_.push_back({envelope.operation, envelope.voter, std::move(outcome.reply)});
        } else if (const auto found = proposers_.find(envelope.operation); found != proposers_.end()) {
            std::vector<AddressedRequest> out;
            found->second.proposer->on_reply(now_ms_, envelope.voter, std::get<AcceptorReply>(envelope.message), out);
            post(envelope.operation, out);
            finish_if_chosen(found->first);
        }
    }

    void finish_if_chosen(std::uint64_t number) {
        const Operation& operation = proposers_.at(number);
        if (operation.proposer->state() != RegisterProposer::State::chosen) return;
        finished_.push_back({number, operation.read, operation.finished_before, operation.proposer->value()});
        proposers_.erase(number);
    }

    void tick() {
        std::vector<AddressedRequest> out;
        for (auto& [number, operation] : proposers_) {
            operation.proposer->on_tick(now_ms_, out);
            post(number, out);
        }
    }

    void check_history() const {
        const auto longest = std::max_element(finished_.begin(), finished_.end(), [](const Finished& a, const Finished& b) {
            return a.seen.size() < b.seen.size();
        });
        for (const Finished& operation : finished_) {
            REQUIRE(std::equal(operation.seen.begin(), operation.seen.end(), longest->seen.begin()));
            const auto mark = static_cast<std::byte>(operation.number);
            REQUIRE(std::count(longest->seen.begin(), longest->seen.end(), mark) == (operation.read ? 0 : 1));
            for (std::size_t j = 0; j < operation.finished_before; ++j)
                REQUIRE(finished_[j].seen.size() <= operation.seen.size());
        }
    }

    Random random_;
    std::vector<Voter> voters_;
    VoterSet set_;
    std::uint32_t loss_percent_ = 0;
    std::uint64_t now_ms_ = 0;
    std::uint64_t started_ = 0;
    std::vector<Envelope> network_;
    std::map<std::uint64_t, Operation> proposers_;
    std::vector<Finished> finished_;
};

}  // namespace

TEST_CASE("registers are linearizable under loss, duplication, reordering and crashes", "[register_proposer]") {
    const std::size_t voter_counts[] = {1, 3, 5};
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        INFO("seed " << seed);
        RegisterWorld(seed, voter_counts[seed % 3]).run(25);
    }
}

TEST_CASE("a proposer that does not know the newest configuration stops and says so", "[register_proposer]") {
    Random random(1);
    const VoterSet set{1, {AcceptorId{1}}, {}};
    RegisterProposer proposer(
        "k", set, {0, AcceptorId{9}, 0}, [](const RegisterValue&) { return std::nullopt; }, {}, random);
    Acceptor acceptor;
    acceptor.restore_fence(4);
    std::vector<AddressedRequest> out;
    proposer.start(0, out);
    REQUIRE(out.size() == 1);
    proposer.on_reply(1, AcceptorId{1}, acceptor.handle(out[0].request).reply, out);
    CHECK(proposer.state() == RegisterProposer::State::out_of_date);
    CHECK(proposer.newer_voter_set() == 4);
}
