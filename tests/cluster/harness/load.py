"""A steady load, and the account of it: what was acknowledged must be there once, unchanged, in order."""

import threading

from .client import Client
from .node import wait_until


class Load:
    """Produces numbered records to one partition from a thread of its own, `window` requests in flight, until stopped."""

    def __init__(self, node, topic, partition=0, name="load", window=64, size_bytes=100, **fields):
        self.node, self.topic, self.partition, self.name = node, topic, partition, name
        self.window, self.size_bytes, self.fields = window, size_bytes, fields
        self.sent = 0
        self.acknowledged = {}  # offset: value
        self.errors = []        # names of errors, in order
        self._failure = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._thread.start()
        return self

    def value(self, number):
        return f"{self.name} {number:010d} ".encode().ljust(self.size_bytes, b".")

    def _run(self):
        try:
            self._produce()
        except BaseException as failure:  # told to whoever waits for this load
            self._failure = failure

    def _produce(self):
        with Client(self.node) as client:
            waiting = {}
            while not self._stop.is_set():
                while len(waiting) < self.window:
                    value = self.value(self.sent)
                    waiting[client.send("produce", topic=self.topic, partition=self.partition, value=value, **self.fields)] = value
                    self.sent += 1
                self._receive(client, waiting)

    def _receive(self, client, waiting):
        answer = client.receive(0.05)
        while answer is not None:
            value = waiting.pop(answer.correlation_id, None)
            if answer.error != "ok":
                self.errors.append(answer.error)
            elif value is not None:
                assert answer.fields["offset"] not in self.acknowledged, "two records at one offset"
                self.acknowledged[answer.fields["offset"]] = value
            answer = client.receive(0)

    def wait_acknowledged(self, count):
        wait_until(lambda: len(self.acknowledged) >= count or not self._thread.is_alive(), f"{count} acknowledgements")
        assert self._thread.is_alive(), f"the load ended: {self._failure!r}"
        return self

    def stop(self):
        self._stop.set()
        self._thread.join()
        if self._failure:
            raise self._failure
        return self


def check_nothing_lost(client, *loads):
    """All loads that ever went to one partition, against what is read back. Returns how many records there are."""
    topic, partition = loads[0].topic, loads[0].partition
    records = client.fetch_all(topic, partition)
    assert [offset for offset, _, _ in records] == list(range(len(records))), "gaps in the offsets"
    stored = {offset: value for offset, _, value in records}
    for load in loads:
        wrong = [offset for offset, value in load.acknowledged.items() if stored.get(offset) != value]
        assert not wrong, f"{load.name}: {len(wrong)} acknowledged records lost or changed, the first at offset {min(wrong)}"
        own = [value for value in stored.values() if value.startswith(load.name.encode() + b" ")]
        assert len(own) == len(set(own)), f"{load.name}: records stored twice"
        assert own == sorted(own), f"{load.name}: records out of order"
    return len(records)
