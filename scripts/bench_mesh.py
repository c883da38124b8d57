"""Three nodes on this machine, for the rows of LIMITS.md that need a mesh."""

import itertools
import json
import os
import signal
import subprocess
import time
from contextlib import ExitStack

import msgpack
import zmq

from bench_node import Node

PATIENCE_S = 60
ASK_NEXT_AFTER_MS = 60  # a client that hears nothing for so long asks another node


class BenchMesh:
    """with BenchMesh(...) as mesh: three nodes, until the block ends."""

    def __init__(self, programs, parent):
        self.programs, self.parent = programs, parent

    def __enter__(self):
        self.stack = ExitStack()
        self.nodes = []
        for i in range(3):
            join = [word for other in self.nodes[:1] for word in ("--join", other.address)]
            self.nodes.append(self.stack.enter_context(Node(self.programs, self.parent, "--name", f"n{i + 1}", *join)))
        self.wait("three nodes vote", lambda: sum(node["voter"] for node in self.ask("cluster", "info")["nodes"]) == 3)
        return self

    def __exit__(self, *_):
        self.stack.close()

    def wait(self, what, condition):
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > deadline:
                raise SystemExit(f"bench: waited in vain until {what}")
            time.sleep(0.05)

    def ask(self, *words):
        nodes = ",".join(node.address for node in self.nodes)
        done = subprocess.run([self.programs / "sedge", "-n", nodes, "--json", *words], capture_output=True, text=True, check=False)
        return json.loads(done.stdout) if done.returncode == 0 and done.stdout else {"nodes": [], "partitions": []}

    def create_topic(self, topic):
        self.ask("topic", "create", topic, "-r", "3", "-c", "min_insync=2")
        self.wait_in_sync(topic)

    def partition(self, topic):
        partitions = self.ask("topic", "describe", topic)["partitions"]
        return partitions[0] if partitions else {"isr": [], "leader": None}

    def wait_in_sync(self, topic):
        self.wait(f"{topic} is in sync", lambda: len(self.partition(topic)["isr"]) == 3)

    def leader(self, topic):
        self.wait(f"{topic} has a leader", lambda: self.partition(topic)["leader"])
        name = self.partition(topic)["leader"]
        return next(node for i, node in enumerate(self.nodes) if f"n{i + 1}" == name)

    def gap_s(self, topic, stop_signal):
        """The longest time between two acknowledgements while the leader is stopped by the signal, from a client that asks on."""
        leader = self.leader(topic)
        context = zmq.Context()
        sockets = []
        for node in self.nodes:
            sockets.append(context.socket(zmq.DEALER))
            sockets[-1].setsockopt(zmq.LINGER, 0)
            sockets[-1].connect(f"tcp://{node.address}")
        ids, at, gap, acknowledged, stopped = itertools.count(1), 0, 0.0, 0, False
        last = time.monotonic()
        after = 0
        while after < 100:
            wanted = next(ids)
            sockets[at].send(msgpack.packb([1, "produce", wanted, {"topic": topic, "partition": 0, "value": b"x" * 100}], use_bin_type=True))
            done = False
            while not done and sockets[at].poll(ASK_NEXT_AFTER_MS):
                _, answered, error, _ = msgpack.unpackb(sockets[at].recv_multipart()[0], raw=False, strict_map_key=False)
                done = answered == wanted
            if not done or error != "ok":
                at = (at + 1) % len(sockets)
                time.sleep(0.002)
                continue
            now = time.monotonic()
            gap, last = (max(gap, now - last) if stopped else 0.0), now
            acknowledged += 1
            after += stopped
            if acknowledged == 100:
                leader.process.send_signal(stop_signal)
                stopped = True
        context.destroy()
        return gap

    def failover(self, topic, kill):
        leader = self.leader(topic)
        gap = self.gap_s(topic, signal.SIGKILL if kill else signal.SIGSTOP)
        if kill:
            leader.process.wait()
            leader.process.stdout.close()
            leader.spawn()
            leader.wait_ready()
        else:
            os.kill(leader.process.pid, signal.SIGCONT)
        self.wait_in_sync(topic)
        return gap
