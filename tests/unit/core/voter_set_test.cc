#include "node/core/voter_set.h"

#include <catch2/catch.hpp>

using namespace sedge;
using namespace sedge::node;

namespace {

std::vector<AcceptorId> ids(std::initializer_list<std::uint64_t> values) {
    std::vector<AcceptorId> out;
    for (const auto value : values) out.push_back(AcceptorId{value});
    return out;
}

std::set<AcceptorId> votes(std::initializer_list<std::uint64_t> values) {
    std::set<AcceptorId> out;
    for (const auto value : values) out.insert(AcceptorId{value});
    return out;
}

}  // namespace

TEST_CASE("a quorum is a majority of the voters, and of both sets during a change", "[voter_set]") {
    struct Row {
        VoterSet set;
        std::set<AcceptorId> votes;
        bool quorum;
    };
    const Row rows[] = {
        {{1, ids({1}), {}}, votes({1}), true},
        {{1, ids({1}), {}}, votes({}), false},
        {{1, ids({1}), {}}, votes({2}), false},
        {{1, ids({1, 2, 3}), {}}, votes({1}), false},
        {{1, ids({1, 2, 3}), {}}, votes({1, 3}), true},
        {{1, ids({1, 2, 3}), {}}, votes({1, 4, 5}), false},
        {{1, ids({1}), ids({1, 2, 3})}, votes({1}), false},
        {{1, ids({1}), ids({1, 2, 3})}, votes({2, 3}), false},
        {{1, ids({1}), ids({1, 2, 3})}, votes({1, 2}), true},
        {{1, ids({1, 2, 3}), ids({3, 4, 5})}, votes({1, 2, 4}), false},
        {{1, ids({1, 2, 3}), ids({3, 4, 5})}, votes({2, 3, 4}), true},
        {{1, ids({1, 2, 3, 4, 5}), {}}, votes({1, 2}), false},
        {{1, ids({1, 2, 3, 4, 5}), {}}, votes({1, 2, 5}), true},
    };
    for (const Row& row : rows) CHECK(row.set.is_quorum(row.votes) == row.quorum);
}

TEST_CASE("a mesh has an odd number of voters, up to its target", "[voter_set]") {
    CHECK(voters_for(1, 5) == 1);
    CHECK(voters_for(2, 5) == 1);
    CHECK(voters_for(3, 5) == 3);
    CHECK(voters_for(4, 5) == 3);
    CHECK(voters_for(30, 5) == 5);
    CHECK(voters_for(30, 3) == 3);
}

TEST_CASE("a voter set comes back from its bytes, and nothing else does", "[voter_set]") {
    const VoterSet set{7, ids({1, 2, 3}), ids({3, 4, 5})};
    Buffer bytes;
    encode_voter_set(set, bytes);
    CHECK(decode_voter_set(bytes) == set);
    for (std::size_t size = 0; size < bytes.size(); ++size)
        CHECK(!decode_voter_set(ByteView(bytes).first(size)));

    for (const VoterSet& wrong : {VoterSet{1, ids({2, 1}), {}}, VoterSet{1, ids({1, 1}), {}}, VoterSet{1, {}, {}}}) {
        Buffer other;
        encode_voter_set(wrong, other);
        CHECK(!decode_voter_set(other));
    }
}
