// Tells the service manager how the daemon is, by the datagram protocol of sd_notify(3). Without NOTIFY_SOCKET: does nothing.
#pragma once

#include <string_view>

namespace sedge::node {

// `state` as in sd_notify(3): "READY=1", "STOPPING=1", "STATUS=..."; several lines are allowed. True if it was sent.
bool notify_service(std::string_view state);

}  // namespace sedge::node
