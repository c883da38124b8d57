// The journal on LMDB keeps what every journal promises.
#include <catch2/catch.hpp>

#include "tests/contract/journal_contract.h"
#include "tests/contract/journal_directory.h"

using namespace sedge;

TEST_CASE("the journal on LMDB", "[journal_lmdb]") {
    for (const contract::JournalPromise& promise : contract::journal_promises()) {
        DYNAMIC_SECTION(promise.name) {
            contract::JournalDirectory directory;
            promise.check(directory);
        }
    }
}
