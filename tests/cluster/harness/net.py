"""A network of our own: each node, and this process as their client, in a namespace with one link to a switch; links can be cut."""

import ctypes
import os
import subprocess

CLONE_NEWNET = 0x40000000
SUBNET = "10.77.0"
PORT = 7701


def network_missing():
    """Why namespaces cannot be used here, or None."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    probe = f"sedge-probe-{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", probe], capture_output=True, check=False).returncode != 0:
        return "ip netns does not work here"
    subprocess.run(["ip", "netns", "del", probe], check=False)
    return None


def ip(*words, check=True):
    return subprocess.run(["ip", *words], check=check, capture_output=True)


class Net:
    """Place 0 is this process, places 1 to `count` are nodes."""

    def __init__(self, count):
        self.name = f"sedge{os.getpid()}"
        self.count = count
        self.home = os.open("/proc/self/ns/net", os.O_RDONLY)
        self.switch = f"{self.name}-sw"
        ip("netns", "add", self.switch)
        ip("-n", self.switch, "link", "add", "br0", "type", "bridge")
        ip("-n", self.switch, "link", "set", "br0", "up")
        for place in range(count + 1):
            self._add(place)
        self._enter(f"/run/netns/{self.space(0)}")

    def space(self, place):
        return f"{self.name}-{place}"

    def _add(self, place):
        space = self.space(place)
        ip("netns", "add", space)
        ip("-n", self.switch, "link", "add", f"v{place}", "type", "veth", "peer", "name", "eth0", "netns", space)
        ip("-n", self.switch, "link", "set", f"v{place}", "master", "br0", "up")
        ip("-n", space, "addr", "add", f"{SUBNET}.{place + 1}/24", "dev", "eth0")
        ip("-n", space, "link", "set", "eth0", "up")
        ip("-n", space, "link", "set", "lo", "up")

    @staticmethod
    def _enter(path):
        """This thread, and every thread that it makes from here on."""
        space = os.open(path, os.O_RDONLY) if isinstance(path, str) else path
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(space, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")

    def place(self, node, place):
        """The node runs at this place from now on."""
        node.address = f"{SUBNET}.{place + 1}:{PORT}"
        node.prefix = ["ip", "netns", "exec", self.space(place)]
        return node

    def cut(self, place):
        ip("-n", self.switch, "link", "set", f"v{place}", "down")

    def heal(self, place):
        ip("-n", self.switch, "link", "set", f"v{place}", "up")

    def mute(self, place):
        """What the node sends is lost; what is sent to it arrives. No packet fits a bucket of ten bytes."""
        self._tc(place, "add", "tbf", "rate", "8bit", "burst", "10", "latency", "1ms")

    def unmute(self, place):
        self._tc(place, "del")

    def _tc(self, place, verb, *qdisc):
        subprocess.run(["ip", "netns", "exec", self.space(place), "tc", "qdisc", verb, "dev", "eth0", "root", *qdisc], check=True,
                       capture_output=True)

    def clean_up(self):
        self._enter(self.home)
        os.close(self.home)
        for place in range(self.count + 1):
            ip("netns", "del", self.space(place), check=False)
        ip("netns", "del", self.switch, check=False)
