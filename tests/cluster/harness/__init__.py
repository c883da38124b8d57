"""Real processes for the stories in tests/cluster: nodes, the command line, a client of its own, a disk that loses power."""

from .client import Client, RequestFailed
from .load import Load, check_nothing_lost
from .mesh import FollowingLoad, Mesh
from .net import Net, network_missing
from .node import Node, wait_until
from .powerfs import PowerFs, powerfs_missing
from .sedge import Sedge

__all__ = ["Client", "FollowingLoad", "Load", "Mesh", "Net", "Node", "PowerFs", "RequestFailed", "Sedge", "check_nothing_lost", "network_missing", "powerfs_missing", "wait_until"]
