// Which nodes keep the replicas of which partition. A topic names its nodes once, in a ring; partition i's replicas are `replicas`
// neighbours from place i on, the first one being the preferred leader. So leaders and data spread evenly, and a thousand partitions take no
// more to describe than one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "node/core/catalogue.h"
#include "node/core/member.h"

namespace sedge::node {

// The names of the nodes that keep a partition, the preferred leader first. Nodes are named, not identified: the same name with an empty
// disk takes up the place of the one that was lost. Empty: the node that stores the description keeps it alone.
std::vector<std::string> replicas_of(const TopicDescription& topic, PartitionIndex partition);
bool keeps(const TopicDescription& topic, PartitionIndex partition, std::string_view node);

// The ring of a new topic: living nodes that hold data, racks taking turns (label "rack"), begun at a place that `turn` rotates.
// A node labelled "witness" holds none.
std::vector<std::string> choose_ring(const std::vector<Member>& members, std::size_t turn);

}  // namespace sedge::node
