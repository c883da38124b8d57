"""Several nodes as one mesh, and a load that follows it through its failures."""

import random
import threading
import time

from .batch import batch
from .client import Client, RequestFailed
from .node import PATIENCE_S, wait_until


class Mesh:
    """Nodes n1, n2, ...; all but the first join the first."""

    def __init__(self, new_node, count, options=()):
        self.nodes = []
        for i in range(count):
            node = new_node(name=f"n{i + 1}")
            node.options = ["--name", f"n{i + 1}", "--segment-bytes", "16MB", *options]
            if i > 0:
                node.options += ["--join", self.nodes[0].address]
            self.nodes.append(node)

    def start(self):
        self.nodes[0].start()
        for node in self.nodes[1:]:
            node.spawn()
        for node in self.nodes[1:]:
            node.wait_ready()
        self.wait_together()
        return self

    def wait_together(self):
        """Every running node sees all running nodes alive, and as many vote as should."""
        running = self.running()
        wanted = len(running) if len(running) % 2 else len(running) - 1

        def together():
            for node in running:
                infos = self.info(node)
                alive = [each for each in infos if each["state"] == "alive"]
                if len(alive) < len(running) or sum(each["voter"] for each in infos) < min(wanted, 5):
                    return False
            return True

        wait_until(together, "the mesh comes together")

    def running(self):
        return [node for node in self.nodes if node.running()]

    @staticmethod
    def info(node):
        with Client(node) as client:
            return client.request("cluster_info").fields["nodes"]

    def named(self, name):
        return next(node for node in self.nodes if node.options[1] == name)

    def partition(self, topic, partition=0, asked=None):
        """What a node says of a partition."""
        with Client(asked or self.running()[0]) as client:
            for each in client.request("describe_topic", topic=topic).fields["topic"]["partitions"]:
                if each["partition"] == partition:
                    return each
        return None

    def leader(self, topic, partition=0, asked=None):
        name = wait_until(lambda: self.partition(topic, partition, asked).get("leader"), f"a leader of {topic}/{partition}")
        return self.named(name)

    def wait_in_sync(self, topic, replicas, partition=0):
        for node in self.running():
            wait_until(lambda: len(self.partition(topic, partition, node)["isr"]) == replicas, f"{replicas} replicas of {topic} in sync")

    def create_topic(self, topic, partitions=1, replicas=3, **config):
        with Client(self.running()[0]) as client:
            client.request("create_topic", topic=topic, partitions=partitions, replicas=replicas, config=config)
        for partition in range(partitions):
            self.wait_in_sync(topic, replicas, partition)


class FollowingLoad:
    """An idempotent producer, one batch at a time, that asks the next node when one does not answer; notes every gap."""

    def __init__(self, mesh, topic, partition=0, records=5, patience_s=0.1):
        self.mesh, self.topic, self.partition, self.records, self.patience_s = mesh, topic, partition, records, patience_s
        self.producer_id = random.getrandbits(63) | 1
        self.acknowledged = {}
        self.last_ack = time.monotonic()
        self.longest_gap_s = 0.0
        self.errors = []
        self._failure = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self.last_ack = time.monotonic()
        self._thread.start()
        return self

    def _run(self):
        clients = {}
        try:
            sequence = 0
            while not self._stop.is_set():
                values = [f"{self.producer_id:016x} {sequence + i:010d}".encode() for i in range(self.records)]
                offset = self._store(clients, values, sequence)
                if offset is None:
                    return
                for i, value in enumerate(values):
                    assert offset + i not in self.acknowledged, "two records at one offset"
                    self.acknowledged[offset + i] = value
                sequence += self.records
                now = time.monotonic()
                self.longest_gap_s = max(self.longest_gap_s, now - self.last_ack)
                self.last_ack = now
        except BaseException as failure:
            self._failure = failure
        finally:
            for client in clients.values():
                client.close()

    def _store(self, clients, values, sequence):
        """The offset, once a node has acknowledged; asks one node after the other."""
        body = batch(values, producer_id=self.producer_id, sequence=sequence)
        turn = getattr(self, "_turn", 0)
        while not self._stop.is_set():
            nodes = self.mesh.nodes
            node = nodes[turn % len(nodes)]
            client = clients.setdefault(node.address, None) or clients.__setitem__(node.address, Client(node)) or clients[node.address]
            wanted = client.send("produce", body, topic=self.topic, partition=self.partition)
            deadline = time.monotonic() + self.patience_s
            while (answer := client.receive(max(0, deadline - time.monotonic()))) is not None:
                if answer.correlation_id != wanted:
                    continue
                if answer.error == "ok":
                    self._turn = turn
                    return answer.fields["offset"]
                self.errors.append(answer.error)
                self._stop.wait(0.005)
                break
            turn += 1
        return None

    def wait_acknowledged(self, more):
        """Until `more` records beyond those of now were acknowledged."""
        wanted = len(self.acknowledged) + more
        wait_until(lambda: len(self.acknowledged) >= wanted or not self._thread.is_alive(), f"{more} more acknowledgements")
        assert self._thread.is_alive(), f"the load ended: {self._failure!r}"
        return self

    def take_gap_s(self):
        """The longest time between two acknowledgements since the last call."""
        gap, self.longest_gap_s = self.longest_gap_s, 0.0
        return gap

    def stop(self):
        self._stop.set()
        self._thread.join()
        if self._failure:
            raise self._failure
        return self

    def check(self, node):
        """Every acknowledged record is there once, in order, as read from this node."""
        def read():
            with Client(node) as client:
                try:
                    return client.fetch_all(self.topic, self.partition)
                except RequestFailed:
                    return None

        records = wait_until(read, "the log can be read", PATIENCE_S)
        assert [offset for offset, _, _ in records] == list(range(len(records))), "gaps in the offsets"
        stored = {offset: value for offset, _, value in records}
        wrong = [offset for offset, value in self.acknowledged.items() if stored.get(offset) != value]
        assert not wrong, f"{len(wrong)} acknowledged records lost or changed, the first at {min(wrong)}"
        own = [value for _, value in sorted(stored.items()) if value.startswith(f"{self.producer_id:016x} ".encode())]
        assert own == sorted(set(own)), "records stored twice or out of order"
        return len(records)
