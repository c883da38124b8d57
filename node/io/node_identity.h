// Who this node is, kept in the data directory: made once, read at every start.
#pragma once

#include <cstdint>
#include <string>

#include "schema/status.h"

namespace sedge::node {

inline constexpr const char* kNoMesh = "00000000000000000000000000000000";

struct NodeIdentity {
    std::string mesh_id;       // 32 hex digits, random, made by the founding node; kNoMesh until it has joined one
    bool founded = false;      // by this node
    std::uint64_t node_id = 0; // random, made with the directory
    std::string node_name;     // fixed once it has a mesh
    std::uint64_t starts = 0;  // how often a process has started on this directory, this start included; durable before it returns
};

// Holds the data directory for this process; a second process is refused until the first one has ended.
class DataDirectory {
  public:
    // Makes the directory if need be. invalid_config when it cannot be used (missing permission, in use by another process, made by
    // another version), with one line that says what to do. `node_name` is used until the node has a mesh.
    static Result<DataDirectory> open(const std::string& path, const std::string& node_name);
    DataDirectory(DataDirectory&& other) noexcept;
    DataDirectory& operator=(DataDirectory&& other) noexcept;
    ~DataDirectory();

    // The node belongs to this mesh from now on; durable when it returns ok.
    Status adopt_mesh(const std::string& mesh_id, bool founded);
    static std::string new_mesh_id();

    const NodeIdentity& identity() const { return identity_; }
    std::string journal_path() const { return path_ + "/journal"; }

  private:
    DataDirectory(std::string path, int lock_fd, NodeIdentity identity);
    std::string path_;
    int lock_fd_ = -1;
    NodeIdentity identity_;
};

}  // namespace sedge::node
