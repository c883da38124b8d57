#include "tests/sim/network.h"

#include <algorithm>
#include <memory>

namespace sedge::sim {

std::uint64_t Network::arrival(std::uint64_t& last_us) {
    const std::uint64_t at = world_.clock.now_us() + random_.between(world_.settings.min_delay_us, world_.settings.max_delay_us);
    if (random_.per_mille(world_.settings.reorder)) return at;
    last_us = std::max(last_us + 1, at);
    return last_us;
}

void Network::to_node(const std::string& connection, Frames frames) {
    if (random_.per_mille(world_.settings.loss)) {
        ++world_.totals.messages_lost;
        return;
    }
    std::uint64_t& last_us = to_node_last_us_[connection];
    if (random_.per_mille(world_.settings.duplicate)) {
        ++world_.totals.messages_duplicated;
        world_.events.schedule(arrival(last_us), [this, connection, frames] { server_->deliver(connection, frames); });
    }
    world_.events.schedule(arrival(last_us), [this, connection, frames = std::move(frames)]() mutable {
        server_->deliver(connection, std::move(frames));
    });
}

void Network::to_client(std::uint64_t life, node::Send send) {
    const bool lost = random_.per_mille(world_.settings.loss);
    const bool twice = !lost && random_.per_mille(world_.settings.duplicate);
    if (lost) ++world_.totals.messages_lost;
    if (twice) ++world_.totals.messages_duplicated;
    const std::uint64_t at = arrival(clients_[send.to.value].last_arrival_us);
    world_.events.schedule(at, [this, delivery = std::make_shared<Delivery>(Delivery{life, std::move(send), lost, twice})] {
        arrive(delivery);
    });
}

void Network::arrive(const std::shared_ptr<Delivery>& delivery) {
    const node::Send& send = delivery->send;
    Peer& peer = clients_[send.to.value];
    if (peer.stalled_until_us > world_.clock.now_us() && !world_.calm) {
        world_.events.schedule(peer.stalled_until_us, [this, delivery] { arrive(delivery); });
        return;
    }
    if (send.reply_bytes > 0) server_->on_reply_taken(delivery->life, send.to.value, send.reply_bytes);
    if (delivery->lost || peer.endpoint == nullptr) return;
    peer.endpoint->on_answer(send.header, send.body);
    if (delivery->twice) peer.endpoint->on_answer(send.header, send.body);
}

}  // namespace sedge::sim
