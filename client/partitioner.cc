#include "client/partitioner.h"

#include <string>
#include <unordered_map>

#include "schema/partitioner.h"

namespace sedge {
namespace {

// A topic's own count of what had no key. Topics start at different partitions only by their use; that is even enough.
class Turns {
  public:
    std::uint32_t& of(std::string_view topic) {
        if (last_ == nullptr || last_->first != topic) last_ = &*turns_.try_emplace(std::string(topic), 0).first;
        return last_->second;
    }

  private:
    std::unordered_map<std::string, std::uint32_t> turns_;
    std::pair<const std::string, std::uint32_t>* last_ = nullptr;  // elements of an unordered_map stay where they are
};

class KeyHashPartitioner final : public Partitioner {
  public:
    PartitionIndex choose(std::string_view topic, std::optional<ByteView> key, std::uint32_t partitions) override {
        if (key) return partition_of_key(*key, partitions);
        auto& turn = turns_.of(topic);
        if (turn >= partitions) turn = 0;
        return PartitionIndex{turn};
    }
    void batch_closed(std::string_view topic, PartitionIndex partition) override {
        // Batches of keyed records close too; only the one that records without a key go to moves them on.
        auto& turn = turns_.of(topic);
        if (turn == partition.value) ++turn;
    }

  private:
    Turns turns_;
};

class RoundRobinPartitioner final : public Partitioner {
  public:
    PartitionIndex choose(std::string_view topic, std::optional<ByteView> key, std::uint32_t partitions) override {
        if (key) return partition_of_key(*key, partitions);
        auto& turn = turns_.of(topic);
        if (turn >= partitions) turn = 0;
        return PartitionIndex{turn++};
    }

  private:
    Turns turns_;
};

}  // namespace

std::unique_ptr<Partitioner> make_key_hash_partitioner() { return std::make_unique<KeyHashPartitioner>(); }
std::unique_ptr<Partitioner> make_round_robin_partitioner() { return std::make_unique<RoundRobinPartitioner>(); }

}  // namespace sedge
