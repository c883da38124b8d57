"""A client of the tests' own, in plain zmq and msgpack: it shares no code with the product, and can misbehave."""

import itertools
import time

import msgpack
import zmq

from .node import PATIENCE_S

VERSION = 1


class RequestFailed(Exception):
    def __init__(self, error, fields):
        super().__init__(f"{error}: {fields.get('message', '')}")
        self.error = error
        self.fields = fields


class Answer:
    def __init__(self, frames):
        version, self.correlation_id, self.error, self.fields = msgpack.unpackb(frames[0], raw=False, strict_map_key=False)
        assert version == VERSION
        self.bodies = frames[1:]

    def check(self):
        if self.error != "ok":
            raise RequestFailed(self.error, self.fields)
        return self


class Client:
    """One DEALER. Not thread-safe."""

    def __init__(self, node, identity=None):
        self.context = zmq.Context(1)
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.SNDHWM, 0)
        self.socket.setsockopt(zmq.RECONNECT_IVL, 20)
        self.socket.setsockopt(zmq.RECONNECT_IVL_MAX, 200)
        if identity is not None:
            self.socket.setsockopt(zmq.IDENTITY, identity)
        self.socket.connect(f"tcp://{node.address}")
        self.ids = itertools.count(1 << 32)  # no answer to a forged request is taken for ours

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()
        self.context.term()

    def send(self, api, body=None, **fields):
        """Sends a request and returns its correlation id."""
        correlation_id = next(self.ids)
        frames = [msgpack.packb([VERSION, api, correlation_id, fields], use_bin_type=True)]
        if body is not None:
            frames.append(body)
        self.socket.send_multipart(frames)
        return correlation_id

    def receive(self, timeout_s=PATIENCE_S):
        """The next answer, or None when there is none in time."""
        if not self.socket.poll(timeout_s * 1000):
            return None
        return Answer(self.socket.recv_multipart())

    def request(self, api, body=None, timeout_s=PATIENCE_S, **fields):
        """One request and its answer; answers to earlier requests are dropped."""
        wanted = self.send(api, body, **fields)
        deadline = time.monotonic() + timeout_s
        while True:
            answer = self.receive(max(0, deadline - time.monotonic()))
            assert answer is not None, f"{api}: no answer within {timeout_s} s"
            if answer.correlation_id == wanted:
                return answer.check()

    def create_topic(self, topic, partitions=1, **config):
        return self.request("create_topic", topic=topic, partitions=partitions, config=config)

    def produce(self, topic, value, key=None, partition=None, **more):
        """Stores one plain record; returns (partition, offset)."""
        fields = {"topic": topic, "value": value, **more}
        if key is not None:
            fields["key"] = key
        if partition is not None:
            fields["partition"] = partition
        answer = self.request("produce", **fields)
        return answer.fields["partition"], answer.fields["offset"]

    def fetch_all(self, topic, partition=0, offset=0):
        """Every record of a partition from `offset` to its end, as (offset, key, value)."""
        found = []
        while True:
            answer = self.request("fetch", topic=topic, partition=partition, offset=offset, plain=True)
            records = answer.fields["records"]
            found += [(at, key, value) for at, _, key, value, _ in records]
            if records:
                offset = records[-1][0] + 1
            if offset >= answer.fields["high_watermark"]:
                return found
