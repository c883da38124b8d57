"""Real processes for the stories in tests/cluster: nodes, the command line, a client of its own, a disk that loses power."""

from .client import Client, RequestFailed
from .node import Node, wait_until
from .powerfs import PowerFs, powerfs_missing
from .sedge import Sedge

__all__ = ["Client", "Node", "PowerFs", "RequestFailed", "Sedge", "powerfs_missing", "wait_until"]
