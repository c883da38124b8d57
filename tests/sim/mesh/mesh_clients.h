// Clients of a simulated mesh: producers that retry until they are told that all is well, and consumers that read from anybody.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "schema/request.h"
#include "schema/response.h"
#include "tests/sim/mesh/mesh_history.h"
#include "tests/sim/random.h"

namespace sedge::sim {

struct ClientWorld {
    std::function<void(std::size_t node, const std::string& client, Buffer header)> send;
    std::size_t nodes = 1;
    std::function<void(const std::string&)> note;
    MeshHistory* history = nullptr;
    std::map<std::string, std::uint64_t>* marks = nullptr;
    // The oldest epoch that some node leads the partition in; 0: nobody leads it.
    std::function<Epoch(const std::string& topic, std::uint32_t partition)> leading;
};

class MeshClient {
  public:
    MeshClient(std::string name, Random random, ClientWorld& world) : name_(std::move(name)), random_(random), world_(world) {}
    virtual ~MeshClient() = default;
    void on_answer(std::uint64_t now_us, const Buffer& header);
    void on_time(std::uint64_t now_us);
    std::uint64_t next_us() const { return next_us_; }
    const std::string& name() const { return name_; }
    virtual std::string state() const { return name_; }
    virtual bool is_idle() const { return !asked_; }
    bool winding_down = false;  // finish what is under way, begin nothing

  protected:
    virtual void ask(std::uint64_t now_us) = 0;
    virtual void on_silence(std::uint64_t now_us);
    virtual void on_response(std::uint64_t now_us, const Response& response) = 0;
    void send(std::uint64_t now_us, const RequestBody& body, ByteView payload = {});
    void again_in(std::uint64_t now_us, std::uint64_t delay_us);
    // A refusal that may be over soon.
    static bool is_passing(ErrorCode code);

    const std::string name_;
    Random random_;
    ClientWorld& world_;
    std::optional<std::uint64_t> asked_;  // the request that is waited for
    std::size_t asked_index_ = 0;
    std::size_t node_ = 0;
    std::uint64_t next_us_ = 0;
    std::uint64_t last_id_ = 0;
};

class MeshProducer : public MeshClient {
  public:
    MeshProducer(std::string name, Random random, ClientWorld& world, std::string topic, std::uint32_t partition, bool acks_all, std::uint64_t id)
        : MeshClient(std::move(name), random, world), topic_(std::move(topic)), partition_(partition), acks_all_(acks_all), id_(id) {}
    bool is_idle() const override { return batch_.empty(); }

  private:
    void ask(std::uint64_t now_us) override;
    void on_response(std::uint64_t now_us, const Response& response) override;
    const std::string topic_;
    const std::uint32_t partition_;
    const bool acks_all_;
    const std::uint64_t id_;
    std::uint32_t epoch_ = 0, sequence_ = 0;
    std::uint64_t made_ = 0;
    std::vector<std::string> values_;
    Buffer batch_;
    Epoch asked_epoch_;  // who answers leads in this one, or a later one
};

class MeshConsumer : public MeshClient {
  public:
    MeshConsumer(std::string name, Random random, ClientWorld& world, std::string topic, std::uint32_t partition)
        : MeshClient(std::move(name), random, world), topic_(std::move(topic)), partition_(partition) {}
    bool is_idle() const override { return true; }

  private:
    void ask(std::uint64_t now_us) override;
    void on_response(std::uint64_t now_us, const Response& response) override;
    const std::string topic_;
    const std::uint32_t partition_;
    std::uint64_t position_ = 0;
};

// Once the faults are over: reads a partition from its beginning through one node, which has to answer every request.
class MeshReader : public MeshClient {
  public:
    MeshReader(std::string name, Random random, ClientWorld& world, std::string topic, std::uint32_t partition, std::size_t node, std::uint64_t end);
    bool is_idle() const override { return position_ == end_; }
    std::string state() const override;

  private:
    void ask(std::uint64_t now_us) override;
    void on_silence(std::uint64_t now_us) override;
    void on_response(std::uint64_t now_us, const Response& response) override;
    const std::string topic_;
    const std::uint32_t partition_;
    const std::uint64_t end_;
    std::uint64_t position_ = 0;
    std::string refused_;  // why, the last time
};

class MeshAdmin : public MeshClient {
  public:
    MeshAdmin(Random random, ClientWorld& world, std::vector<std::string> topics, std::uint32_t partitions, std::uint32_t replicas, std::string min_insync)
        : MeshClient("admin", random, world), wanted_(std::move(topics)), partitions_(partitions), replicas_(replicas), min_insync_(std::move(min_insync)) {}
    bool all_made() const { return made_ == wanted_.size(); }
    bool is_idle() const override { return all_made(); }

  private:
    void ask(std::uint64_t now_us) override;
    void on_response(std::uint64_t now_us, const Response& response) override;
    const std::vector<std::string> wanted_;
    const std::uint32_t partitions_, replicas_;
    const std::string min_insync_;
    std::size_t made_ = 0;
};

}  // namespace sedge::sim
