#include <stdlib.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "node/io/node_identity.h"
#include "schema/crc32c.h"

using namespace sedge;
using namespace sedge::node;

namespace {

class Temporary {
  public:
    Temporary() {
        std::string pattern = (std::filesystem::temp_directory_path() / "sedge-data-XXXXXX").string();
        root_ = ::mkdtemp(pattern.data());
    }
    ~Temporary() { std::filesystem::remove_all(root_); }
    std::string data() const { return root_ + "/new/data"; }
    std::string file(const std::string& name) const { return data() + "/" + name; }

  private:
    std::string root_;
};

std::string read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

void write(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary | std::ios::trunc) << text; }

}  // namespace

TEST_CASE("a data directory is made once and counts its starts", "[data_directory]") {
    Temporary temporary;
    std::string mesh;
    for (std::uint64_t start = 1; start <= 3; ++start) {
        auto directory = DataDirectory::open(temporary.data(), start == 1 ? "first name" : "another");
        REQUIRE(directory.ok());
        if (start == 1) REQUIRE(directory->adopt_mesh(DataDirectory::new_mesh_id(), true).ok());
        CHECK(directory->identity().node_name == "first name");
        CHECK(directory->identity().starts == start);
        if (start == 1) mesh = directory->identity().mesh_id;
        CHECK(directory->identity().mesh_id == mesh);
        CHECK(std::filesystem::is_directory(directory->journal_path()));
    }
    CHECK(mesh.size() == 32);
}

TEST_CASE("until a node has a mesh it can be given another name", "[data_directory]") {
    Temporary temporary;
    CHECK(DataDirectory::open(temporary.data(), "refused")->identity().node_name == "refused");
    CHECK(DataDirectory::open(temporary.data(), "another")->identity().node_name == "another");
}

TEST_CASE("a node keeps its id, and the mesh that it was told of", "[data_directory]") {
    Temporary temporary, another;
    const std::string mesh = DataDirectory::new_mesh_id();
    std::uint64_t node_id = 0;
    {
        auto directory = DataDirectory::open(temporary.data(), "n");
        REQUIRE(directory.ok());
        node_id = directory->identity().node_id;
        CHECK(node_id != 0);
        CHECK(directory->identity().mesh_id == kNoMesh);
        REQUIRE(directory->adopt_mesh(mesh, false).ok());
    }
    const auto again = DataDirectory::open(temporary.data(), "n");
    REQUIRE(again.ok());
    CHECK(again->identity().node_id == node_id);
    CHECK(again->identity().mesh_id == mesh);
    CHECK(!again->identity().founded);
    CHECK(again->identity().starts == 2);
    const auto other = DataDirectory::open(another.data(), "n");
    REQUIRE(other.ok());
    CHECK(other->identity().node_id != node_id);
}

TEST_CASE("a directory from before nodes had ids gets one, once", "[data_directory]") {
    Temporary temporary;
    REQUIRE(DataDirectory::open(temporary.data(), "n").ok());
    const std::string text = "sedge-node 1\nmesh 0123456789abcdef0123456789abcdef\nname old\nstarts 00000000000000000041\n";
    char crc[32];
    std::snprintf(crc, sizeof crc, "crc %08x\n", crc32c(as_bytes(text)));
    for (const char* name : {"identity", "identity.copy"}) write(temporary.file(name), text + crc);
    std::uint64_t node_id = 0;
    for (std::uint64_t start = 42; start <= 43; ++start) {
        const auto directory = DataDirectory::open(temporary.data(), "n");
        REQUIRE(directory.ok());
        const NodeIdentity& identity = directory->identity();
        CHECK(identity.mesh_id == "0123456789abcdef0123456789abcdef");
        CHECK(identity.node_name == "old");
        CHECK(identity.founded);
        CHECK(identity.starts == start);
        CHECK(identity.node_id != 0);
        if (start == 42) node_id = identity.node_id;
        CHECK(identity.node_id == node_id);
    }
}

TEST_CASE("a second process is refused while the first one lives", "[data_directory]") {
    Temporary temporary;
    {
        auto first = DataDirectory::open(temporary.data(), "n");
        REQUIRE(first.ok());
        const DataDirectory moved = std::move(*first);
        const auto second = DataDirectory::open(temporary.data(), "n");
        REQUIRE(!second.ok());
        CHECK(second.status().code == ErrorCode::invalid_config);
        CHECK(second.status().message.find("in use") != std::string::npos);
    }
    CHECK(DataDirectory::open(temporary.data(), "n").ok());
}

TEST_CASE("one damaged copy of the identity costs nothing, no start is counted twice", "[data_directory]") {
    Temporary temporary;
    REQUIRE(DataDirectory::open(temporary.data(), "n").ok());
    std::uint64_t starts = 1;
    for (const char* name : {"identity", "identity.copy"}) {
        const std::string good = read(temporary.file(name));
        for (std::size_t at = 0; at < good.size(); at += 7) {
            std::string damaged = read(temporary.file(name));
            damaged[at] = static_cast<char>(damaged[at] ^ 1);
            write(temporary.file(name), damaged);
            const auto directory = DataDirectory::open(temporary.data(), "n");
            REQUIRE(directory.ok());
            CHECK(directory->identity().starts == ++starts);
        }
        std::filesystem::remove(temporary.file(name));
        REQUIRE(DataDirectory::open(temporary.data(), "n").ok());
        ++starts;
    }
}

TEST_CASE("a directory without a readable identity is not taken for a new one", "[data_directory]") {
    Temporary temporary;
    REQUIRE(DataDirectory::open(temporary.data(), "n").ok());
    write(temporary.file("journal/manifest"), "a log");
    for (const char* name : {"identity", "identity.copy"}) write(temporary.file(name), "sedge-node 2\n");
    CHECK(!DataDirectory::open(temporary.data(), "n").ok());
    for (const char* name : {"identity", "identity.copy"}) std::filesystem::remove(temporary.file(name));
    const auto directory = DataDirectory::open(temporary.data(), "n");
    REQUIRE(!directory.ok());
    CHECK(directory.status().message.find("missing") != std::string::npos);
}

TEST_CASE("a path that cannot be a directory is refused in one line", "[data_directory]") {
    Temporary temporary;
    const auto directory = DataDirectory::open("/dev/null/data", "n");
    REQUIRE(!directory.ok());
    CHECK(directory.status().message.find('\n') == std::string::npos);
}
