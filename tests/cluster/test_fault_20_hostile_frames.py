"""FAULTS 20: bytes that nobody should send. Each gets an error or is dropped; other clients do not notice; memory stays bounded."""

import itertools
import random
import socket

import msgpack
import pytest

from harness import Client, RequestFailed, wait_until
from harness.batch import batch


@pytest.fixture
def bystander(node):
    """A well-behaved client that must be served whatever others do; checked again at the end."""
    with Client(node) as client:
        client.create_topic("calm")
        client.produce("calm", b"before")
        yield client
        assert node.running(), node.log()
        client.produce("calm", b"after")
        assert [value for _, _, value in client.fetch_all("calm")] == [b"before", b"after"]


def good_requests():
    """One valid request of each kind: what is mutated."""
    fields = [
        ("hello", {}), ("metadata", {"topics": ["calm"]}), ("create_topic", {"topic": "new", "partitions": 2, "config": {}}),
        ("alter_topic", {"topic": "calm", "config": {"retention": "1d"}}), ("delete_topic", {"topic": "new"}),
        ("describe_topic", {"topic": "calm"}), ("produce", {"topic": "other", "partition": 0, "key": b"k", "value": b"v"}),
        ("fetch", {"topic": "calm", "partition": 0, "offset": 0, "max_bytes": 1000}),
        ("list_offsets", {"topic": "calm", "partition": 0, "at": "end"}), ("cluster_info", {}), ("cluster_health", {}),
    ]
    requests = [msgpack.packb([1, api, number, values], use_bin_type=True) for number, (api, values) in enumerate(fields)]
    requests.append(msgpack.packb([1, "produce", 99, {"topic": "other", "partition": 0}]) + batch([b"x", b"y"]))
    return requests


def mutate(frame, draw):
    frame = bytearray(frame)
    for _ in range(draw.choice([1, 1, 2, 8])):
        at = draw.randrange(len(frame))
        kind = draw.randrange(5)
        if kind == 0:
            frame[at] ^= 1 << draw.randrange(8)
        elif kind == 1:
            frame[at] = draw.choice([0, 0x7F, 0x80, 0x8F, 0x9F, 0xC0, 0xC1, 0xC6, 0xCF, 0xDB, 0xDD, 0xDF, 0xFF])
        elif kind == 2:
            del frame[at:at + draw.randrange(1, 9)]
        elif kind == 3:
            frame[at:at] = draw.randbytes(draw.randrange(1, 9))
        else:
            frame[at:at + 4] = draw.choice([b"\xff\xff\xff\xff", b"\x00\x00\x00\x00", b"\x7f\xff\xff\xff"])
        frame = frame or bytearray(b"\x00")
    return bytes(frame)


def drain(client):
    """Answers are read and dropped, so that the node has no reason to hold them."""
    while client.socket.poll(0):
        client.socket.recv_multipart()


def test_mutated_and_random_frames(node, bystander):
    draw = random.Random(20)
    bystander.create_topic("other")
    requests = good_requests()
    with Client(node) as hostile:
        for number in range(20_000):
            frames = [mutate(draw.choice(requests), draw)]
            if number % 7 == 0:
                frames = [draw.randbytes(draw.randrange(200))]
            if number % 11 == 0:
                frames += [draw.randbytes(draw.randrange(100)) for _ in range(draw.randrange(4))]
            hostile.socket.send_multipart(frames)
            drain(hostile)
        hostile.request("hello")  # the connection itself still works


def test_deep_wide_and_lying_msgpack(node, bystander):
    lies = [
        b"\x91" * 100_000,                                    # arrays in arrays
        b"\x81" * 100_000,                                    # maps in maps
        b"\x94\x01\xa5fetch\x01\xdf\xff\xff\xff\xff",         # a map of four billion
        b"\x94\x01\xa5hello\x01\xdd\xff\xff\xff\xff",         # an array of four billion
        b"\x94\x01\xdb\xff\xff\xff\xffx\x01\x80",             # a name of four gigabytes
        b"", b"\x00", b"\xc1", b"\x90", b"\x94",
        msgpack.packb([1, "hello", 1, {str(n): n for n in range(100_000)}]),
        msgpack.packb([1, "metadata", 1, {"topics": ["x"] * 200_000}]),
        msgpack.packb([2**64 - 1, "hello", 1, {}]),
        msgpack.packb([1, "x" * 100_000, 1, {}]),
    ]
    before = node.memory_kb()
    with Client(node) as hostile:
        for lie in lies * 20:
            hostile.socket.send(lie)
            drain(hostile)
        hostile.request("hello")
    assert node.memory_kb() < before + 100_000


def test_batches_that_are_wrong_are_refused(bystander):
    bystander.create_topic("other")
    good = batch([b"x", b"y"])
    wrong = [good[:-1], good + b"\x00", good[:40], good[:71], b"\x00" * 72, b"\xff" * 200,
             batch([b"x"], body=b"\xc1"), batch([b"x", b"y"], body=msgpack.packb([0, None, b"x"])), batch([b"x"], codec=9),
             batch([b"x"], codec=1, body=b"no zstd"), batch([b"x"], codec=2, body=b"no lz4"), batch([])]
    for position in (0, 4, 32, 33, 34, 36, 80):
        wrong.append(good[:position] + bytes([good[position] ^ 0x40]) + good[position + 1:])
    for number, body in enumerate(wrong):
        with pytest.raises(RequestFailed) as refused:
            bystander.request("produce", body, topic="other", partition=0)
        assert refused.value.error in ("corrupt_batch", "bad_request", "record_too_large"), f"{number}: {refused.value}"
    assert bystander.fetch_all("other") == []


def test_frame_over_the_limit_costs_only_its_sender(node, bystander):
    for _ in range(3):
        with Client(node) as hostile:
            hostile.socket.send(b"x" * (9 << 20))  # the limit is 8 MB: the node hangs up
            hostile.send("hello")
            hostile.receive(0.2)
    with Client(node) as hostile:
        hostile.socket.send_multipart([b"x"] * 500)
        hostile.send("hello")
        hostile.receive(0.2)


def test_half_open_handshakes(node, bystander):
    held = []
    greeting = b"\xff" + b"\x00" * 8 + b"\x7f"
    for number in range(300):
        raw = socket.create_connection(("127.0.0.1", node.port), timeout=10)
        raw.sendall([b"", greeting[:5], greeting, b"GET / HTTP/1.1\r\n\r\n", bytes(64)][number % 5])
        held.append(raw)
    bystander.request("hello")
    for raw in held:
        raw.close()
    wait_until(lambda: node.open_files() < 200, "the node to let go of dead connections")


def test_duplicate_identities(node, bystander):
    twins = [Client(node, identity=b"twin") for _ in range(5)]
    for twin in twins:
        twin.send("hello")
    bystander.request("hello")
    # One of them, the first or the last to connect, is served; none of them takes the node down.
    wait_until(lambda: any(twin.receive(0) is not None for twin in twins), "an answer for one of the twins")
    for twin in twins:
        twin.close()
    with Client(node, identity=b"twin") as late:
        wait_until(lambda: late.send("hello") and late.receive(0.5), "the identity to be free again")


def test_unknown_apis_and_versions_are_answered(bystander):
    with pytest.raises(RequestFailed) as unknown:
        bystander.request("no_such_api")
    assert unknown.value.error == "unknown_api"
    bystander.socket.send(msgpack.packb([99, "fetch", 12345, {}]))
    answer = bystander.receive()
    assert (answer.correlation_id, answer.error) == (12345, "unsupported_version")
    assert answer.fields["min_version"] <= answer.fields["max_version"]


def test_illegal_names_and_numbers_are_refused(bystander):
    for name in ("", ".", "..", "a/b", "a b", "ä", "x" * 250, "a\x00b"):
        with pytest.raises(RequestFailed):
            bystander.create_topic(name)
    for partitions in (0, 10_001, 2**31, -1, "three"):
        with pytest.raises(RequestFailed):
            bystander.create_topic("numbers", partitions=partitions)
    for key, config in itertools.product(("retention", "no_such_key", "max_batch_bytes"), ("", "-7", "ever")):
        with pytest.raises(RequestFailed):
            bystander.create_topic("config", **{key: config})
