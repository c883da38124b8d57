"""The protocol as an outsider reads it: sedge_client.py, written from PROTOCOL.md, against a node."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgpack
import pytest
import zmq

from sedge_client import (CODECS, Client, CorruptBatch, IdempotentProducer, NoAnswer, Record, SedgeError, crc32c, murmur2, pack_batch,
                          partition_of_key, unpack_batch)

ROOT = Path(__file__).resolve().parents[2]
SEDGED = Path(os.environ.get("SEDGE_BIN", ROOT / "build" / "bin")) / "sedged"
START_S = 60
SEGMENT_BYTES = "8MB"  # a node takes the room for its journal at once: little, for many nodes one after the other
needs_node = pytest.mark.skipif(not SEDGED.exists(), reason="sedged is not built")


def free_port():
    """Of a range of 80, as HTTP is at port + 79: all that a node listens on must be free."""
    while True:
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                for offset in (1, 2, 79):
                    with socket.socket() as other:
                        other.bind(("127.0.0.1", port + offset))
                return port
            except (OSError, OverflowError):
                continue


class Node:
    def __init__(self, directory, *options):
        self.directory, self.options, self.port = directory, options, free_port()
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        command = [SEDGED, "--data", self.directory / "data", "--listen", f"127.0.0.1:{self.port}",
                   "--segment-bytes", SEGMENT_BYTES, *self.options]
        with open(self.directory / "log", "ab") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        watchdog = threading.Timer(START_S, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        assert line.startswith("ready"), (self.directory / "log").read_text()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(START_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        if self.process:
            self.process.stdout.close()


@pytest.fixture
def make_node(tmp_path):
    nodes = []

    def make(*options):
        nodes.append(Node(tmp_path, *options))
        nodes[-1].start()
        return nodes[-1]
    yield make
    for node in nodes:
        node.stop()
        shutil.rmtree(node.directory / "data", ignore_errors=True)


@pytest.fixture
def node(make_node):
    return make_node()


@pytest.fixture
def client(node):
    with Client(node.address) as client:
        yield client


def refused(name, function, *args, **fields):
    with pytest.raises(SedgeError) as caught:
        function(*args, **fields)
    assert caught.value.name == name, caught.value
    assert caught.value.fields["message"]
    return caught.value


def values(records):
    return [record.value for record in records]


# --- without a node ---

def test_checksum_and_key_hash_are_those_of_the_text():
    assert crc32c(b"123456789") == 0xE3069283
    assert murmur2(b"21") == 3321034988
    assert murmur2(b"foobar") == 3504634814


def vectors(name):
    return [pytest.param(vector, id=f"{name}:{vector['name']}")
            for vector in json.loads((ROOT / "schema" / "vectors" / f"{name}.json").read_text())]


def plain(value):
    return None if value is None else bytes.fromhex(value["bin"])


@pytest.mark.parametrize("vector", vectors("batches"))
def test_batch_vectors(vector):
    data, meaning = bytes.fromhex(vector["hex"]), vector["meaning"]
    batch, end = unpack_batch(data, stamped=meaning["append_time_ms"] != 0)
    assert end == len(data) == meaning["size"]
    for name in ("base_offset", "append_time_ms", "epoch", "count", "producer_id", "producer_epoch", "base_sequence",
                 "base_timestamp_ms", "max_timestamp_ms"):
        assert getattr(batch, name) == meaning[name], name
    assert batch.codec == CODECS[meaning["codec"]]
    expected = [Record(plain(record["value"]), plain(record["key"]), [(name, plain(value)) for name, value in record["headers"]],
                       record["timestamp_ms"], record["offset"]) for record in meaning["records"]]
    assert batch.records == expected
    # And the other way: what this client packs means the same; uncompressed and unstamped, to the byte.
    packed = pack_batch(expected, meaning["codec"], batch.producer_id, batch.producer_epoch, batch.base_sequence)
    if meaning["codec"] == "none" and not meaning["append_time_ms"]:
        assert packed == data
    repacked = unpack_batch(packed, stamped=False)[0].records
    assert [(r.key, r.value, r.headers, r.timestamp_ms) for r in repacked] == [(r.key, r.value, r.headers, r.timestamp_ms) for r in expected]


@pytest.mark.parametrize("vector", vectors("crc32c"))
def test_checksum_vectors(vector):
    assert crc32c(bytes.fromhex(vector["hex"])) == vector["meaning"]["crc32c"]


@pytest.mark.parametrize("vector", vectors("key_hash"))
def test_key_hash_vectors(vector):
    key = bytes.fromhex(vector["hex"])
    assert murmur2(key) == vector["meaning"]["murmur2"]
    for partitions, expected in vector["meaning"]["partition_of"].items():
        assert partition_of_key(key, int(partitions)) == expected


@pytest.mark.parametrize("codec", CODECS)
def test_every_damaged_byte_of_a_batch_is_noticed(codec):
    batch = pack_batch([Record(b"value" * 20, b"key")], codec)
    for at in [*range(0, 8), *range(32, len(batch))]:
        damaged = bytearray(batch)
        damaged[at] ^= 0x10
        with pytest.raises(CorruptBatch):
            unpack_batch(bytes(damaged), stamped=False)


# --- the node and its topics ---

@needs_node
def test_the_ten_lines_of_the_text(node):
    text = (ROOT / "schema" / "PROTOCOL.md").read_text()
    example = re.search(r"## 1\. Ten lines\s+```python\n(.*?)```", text, re.S).group(1)
    assert "tcp://127.0.0.1:7701" in example
    # Verbatim but for the port; os._exit spares the wait for a socket that the ten lines do not close.
    script = example.replace(":7701", f":{node.port}") + "import sys, os; sys.stdout.flush(); os._exit(0)\n"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    (record,) = eval(done.stdout)  # noqa: S307 - what our own example printed
    offset, timestamp_ms, key, value, headers = record
    assert (offset, key, value, headers) == (0, b"en", b"hello", {})
    assert abs(timestamp_ms / 1000 - time.time()) < 600


@needs_node
def test_hello_is_answered_in_any_version_and_others_are_not(client):
    hello = client.hello()
    assert hello["min_version"] == hello["max_version"] == 1 == client.version
    assert hello["max_frame_bytes"] == 8 << 20 and hello["max_batch_bytes"] == 4 << 20
    assert all(isinstance(hello[name], str) and hello[name] for name in ("node", "mesh_id", "software"))
    for version in (0, 2, 1 << 40):
        client.version = version
        assert client.ask("hello") == hello
        error = refused("unsupported_version", client.metadata)
        assert (error.fields["min_version"], error.fields["max_version"]) == (1, 1)


@needs_node
def test_topics_from_creation_to_deletion(client):
    made = client.create_topic("t.a_b-C", partitions=3, retention="12h")
    assert made["name"] == "t.a_b-C" and len(made["id"]) == 16
    assert made["config"]["retention"] == "12h" and made["config"]["durability"] == "fsync"
    assert {"retention", "retention_bytes", "durability", "max_batch_bytes", "min_insync", "cleanup"} <= set(made["config"])
    name = client.hello()["node"]
    assert [(p["partition"], p["leader"], p["replicas"], p["isr"]) for p in made["partitions"]] == [(n, name, [name], [name]) for n in range(3)]

    assert client.alter_topic("t.a_b-C", durability="os")["config"]["durability"] == "os"
    described = client.describe_topic("t.a_b-C")
    assert described["config"]["retention"] == "12h" and described["config"]["durability"] == "os"
    client.produce("t.a_b-C", b"v", partition=1)
    one = client.describe_topic("t.a_b-C")["partitions"][1]
    assert (one["start"], one["end"], one["high_watermark"]) == (0, 1, 1) and one["bytes"] > 0

    metadata = client.metadata(["t.a_b-C", "none"])
    assert metadata["unknown"] == ["none"] and [n["name"] for n in metadata["nodes"]] == [name]
    assert [(t["name"], t["id"], t["config"]) for t in metadata["topics"]] == [("t.a_b-C", made["id"], {})]
    assert [t["name"] for t in client.metadata()["topics"]] == ["t.a_b-C"]

    client.delete_topic("t.a_b-C")
    assert client.metadata()["topics"] == []
    assert client.create_topic("t.a_b-C")["id"] != made["id"]


@needs_node
def test_the_cluster_is_one_healthy_node(node, client):
    info = client.cluster_info()
    assert info["mesh_id"] == client.hello()["mesh_id"]
    (one,) = info["nodes"]
    assert one["address"] == node.address and one["state"] == "alive" and one["voter"] is True
    assert isinstance(one["version"], str) and one["labels"] == {}
    assert client.cluster_health() == {"healthy": True, "problems": []}


# --- produce and fetch ---

@needs_node
def test_plain_records_come_back_as_they_were_sent(client):
    client.create_topic("t")
    sent = [Record(b"v", b"k", [("a", b"\x00"), ("b", b"")], 5), Record(None, b"k", [], 7), Record(b"", None, [], 6), Record(b"", b"", [], 0)]
    for offset, record in enumerate(sent):
        answer = client.produce("t", record.value, record.key, dict(record.headers), 0, timestamp_ms=record.timestamp_ms)
        assert (answer["partition"], answer["offset"], answer["copies"]) == (0, offset, 1)
        assert answer.get("count", 1) == 1 and not answer.get("duplicate", False)
        record.offset = offset
    assert client.fetch_plain("t", 0, 0) == sent
    assert client.fetch("t", 0, 0) == (sent, 4)
    assert client.fetch("t", 0, 2) == (sent[2:], 4)
    assert client.fetch("t", 0, 4) == ([], 4)


@needs_node
def test_keys_choose_their_partition(client):
    client.create_topic("t", partitions=5)
    for n in range(40):
        key = b"key-%d" % n
        assert client.produce("t", b"v", key)["partition"] == partition_of_key(key, 5)
    assert 0 <= client.produce("t", b"without a key")["partition"] < 5


@needs_node
@pytest.mark.parametrize("codec", CODECS)
def test_batches_of_each_codec(client, codec):
    client.create_topic("t")
    sent = [Record(b"value %d" % n * 9, b"k%d" % n, [("h", b"1"), ("h", b"2")] if n % 2 else [], 1000 + n, n) for n in range(50)]
    for at in (0, 20):
        answer = client.produce_batch("t", 0, pack_batch(sent[at:at + 20 + at // 2], codec))
        assert (answer["offset"], answer["copies"]) == (at, 1)
    assert client.fetch("t", 0, 0) == (sent, 50)
    records, following = client.fetch("t", 0, 13, max_bytes=1)  # inside the first batch, which is larger than this
    assert (records, following) == (sent[13:20], 20)
    assert [(r.offset, r.key, r.value) for r in client.fetch_plain("t", 0, 13)] == [(r.offset, r.key, r.value) for r in sent[13:]]
    assert [client.list_offsets("t", 0, at) for at in ("start", "end", 0, 1013, 1049, 1050)] == [0, 50, 0, 13, 49, 50]


@needs_node
def test_body_directly_behind_the_header(client):
    client.create_topic("t")
    header = msgpack.packb([1, "produce", 99, {"topic": "t", "partition": 0}])
    client._socket.send(header + pack_batch([Record(b"v")]))
    assert client.receive(99)[0]["offset"] == 0
    assert values(client.fetch("t", 0, 0)[0]) == [b"v"]


@needs_node
def test_unknown_fields_are_skipped_and_strings_are_bytes_too(client):
    client.create_topic("t")
    assert client.ask("produce", topic="t", partition=0, value="as str", key="k", never_heard_of=[{"a": [1, 2]}])["offset"] == 0
    (record,) = client.fetch_plain("t", 0, 0)
    assert (record.key, record.value) == (b"k", b"as str")


@needs_node
def test_acks(client):
    client.create_topic("t")
    client.create_topic("os", durability="os")
    assert client.produce("t", b"1", partition=0, acks=1)["copies"] == 1
    assert client.produce("t", b"2", partition=0, acks="all")["copies"] == 1
    assert client.produce("os", b"3", partition=0)["copies"] == 0
    silent = client.send("produce", topic="t", partition=0, value=b"4", acks=0)
    assert values(client.fetch_plain("t", 0, 2, max_wait_ms=30000)) == [b"4"]
    with pytest.raises(NoAnswer):
        client.receive(silent, timeout_s=0)


@needs_node
def test_merged_answers_stand_for_consecutive_requests(client):
    client.create_topic("t")
    sent = [client.send("produce", topic="t", partition=0, value=b"%d" % n, merge=True) for n in range(500)]
    offset_of = {}
    while len(offset_of) < len(sent):
        first, error, fields, _ = client.receive_any()
        assert error == "ok" and fields["partition"] == 0
        for n in range(fields.get("count", 1)):
            assert first + n not in offset_of
            offset_of[first + n] = fields["offset"] + n
    assert sorted(offset_of) == sent and sorted(offset_of.values()) == list(range(500))
    by_offset = {record.offset: record.value for record in client.fetch_plain("t", 0, 0)}
    assert all(by_offset[offset_of[id]] == b"%d" % n for n, id in enumerate(sent))


@needs_node
@pytest.mark.parametrize("plain_form", [False, True])
def test_a_long_poll_ends_with_a_record_or_with_none(node, client, plain_form):
    client.create_topic("t")
    waiting = client.send("fetch", topic="t", partition=0, offset=0, max_wait_ms=60000, plain=plain_form)
    client.ask("hello")  # is answered meanwhile
    with Client(node.address) as other:
        other.produce("t", b"came", partition=0)
    answer, body = client.receive(waiting)
    found = [record[3] for record in answer["records"]] if plain_form else values(unpack_batch(body[0])[0].records)
    assert found == [b"came"] and (answer["start"], answer["end"], answer["high_watermark"]) == (0, 1, 1)
    began = time.monotonic()
    empty, body = client.receive(client.send("fetch", topic="t", partition=0, offset=1, max_wait_ms=200, plain=plain_form))
    assert time.monotonic() - began >= 0.19
    assert body == [] and not empty.get("records") and empty["end"] == 1


# --- idempotent producers ---

@needs_node
def test_idempotence(client):
    client.create_topic("t")
    batches = [pack_batch([Record(b"%d" % (n + i)) for i in range(3)], "none", 7, 1, n) for n in (0, 3, 6)]
    assert client.produce_batch("t", 0, batches[0])["offset"] == 0
    refused("out_of_order_sequence", client.produce_batch, "t", 0, batches[2])
    assert client.produce_batch("t", 0, batches[1])["offset"] == 3
    for n in (0, 1):  # sent again
        answer = client.produce_batch("t", 0, batches[n])
        assert (answer["duplicate"], answer["offset"]) == (True, 3 * n)
    assert client.produce_batch("t", 0, batches[2])["offset"] == 6
    refused("unknown_producer", client.produce_batch, "t", 0, pack_batch([Record(b"x")], "none", 8, 0, 5))
    refused("stale_producer_epoch", client.produce_batch, "t", 0, pack_batch([Record(b"x")], "none", 7, 0, 9))
    assert values(client.fetch("t", 0, 0)[0]) == [b"%d" % n for n in range(9)]


@needs_node
def test_sequences_wrap_at_2_to_the_31(client):
    client.create_topic("t")
    producer, last = 11, (1 << 31) - 1
    assert client.produce_batch("t", 0, pack_batch([Record(b"0")], "none", producer, 0, 0))["offset"] == 0
    refused("out_of_order_sequence", client.produce_batch, "t", 0, pack_batch([Record(b"z")], "none", producer, 0, last))
    refused("corrupt_batch", client.produce_batch, "t", 0, pack_batch([Record(b"z")], "none", producer, 0, last + 1))


@needs_node
def test_an_idempotent_producer_goes_on_over_a_restart(node):
    with Client(node.address, timeout_s=5) as client:
        client.create_topic("t")
        producer = IdempotentProducer(client, "t", 0)
        answers = []
        for n in range(60):
            if n == 30:
                node.stop()  # with five under way, whose answers may be lost
                node.start()
            answers += producer.send([Record(b"%d.%d" % (n, i)) for i in range(2)], "zstd" if n % 2 else "lz4")
        answers += producer.flush()
        assert [answer["offset"] for answer in answers] == [2 * n for n in range(60)]
        everything, offset = [], 0
        while offset < 120:
            records, offset = client.fetch("t", 0, offset)
            everything += values(records)
        assert everything == [b"%d.%d" % (n, i) for n in range(60) for i in range(2)]


@needs_node
def test_a_forgotten_producer_begins_afresh(client):
    client.create_topic("t")
    producer = IdempotentProducer(client, "t", 0, pause_s=0)
    producer.sequence = 40  # as if the node had forgotten what came before
    before = producer.producer_id
    producer.send([Record(b"a"), Record(b"b")])
    producer.send([Record(b"c")])
    producer.flush()
    assert producer.producer_id != before and producer.sequence == 3
    assert values(client.fetch("t", 0, 0)[0]) == [b"a", b"b", b"c"]


@needs_node
def test_what_was_acknowledged_is_there_after_a_restart(node, client):
    made = client.create_topic("t", partitions=2)
    client.produce("t", b"plain", b"k", {"h": b"1"}, 1)
    client.produce_batch("t", 1, pack_batch([Record(b"batch")], "zstd", 5, 0, 0))
    node.stop()
    node.start()
    assert client.describe_topic("t")["id"] == made["id"]
    records, following = client.fetch("t", 1, 0)
    assert values(records) == [b"plain", b"batch"] and following == 2 and records[0].headers == [("h", b"1")]
    assert client.produce_batch("t", 1, pack_batch([Record(b"next")], "zstd", 5, 0, 1))["offset"] == 2


@needs_node
def test_a_node_stops_while_its_clients_leave(node):
    for _ in range(10):
        clients = [Client(node.address, context=zmq.Context()) for _ in range(20)]
        for client in clients:
            client.hello()
        node.process.send_signal(signal.SIGTERM)
        for client in clients:
            client.close()
        node.stop()
        node.start()


# --- errors (section 7) ---

@needs_node
def test_errors_about_names_and_topics(client):
    client.create_topic("t")
    refused("unknown_api", client.ask, "no_such_api")
    refused("topic_exists", client.create_topic, "t")
    refused("bad_request", client.create_topic, "")
    for name in (".", "..", "a/b", "a b", "é", "x" * 250):
        refused("invalid_topic_name", client.create_topic, name)
    client.create_topic("x" * 249)
    before = client.describe_topic("t")
    for config in ({"no_such_key": "1"}, {"retention": "soon"}, {"durability": "never"}, {"max_batch_bytes": "5MB"}, {"cleanup": "compact"}):
        refused("invalid_config", client.create_topic, "u", **config)
        refused("invalid_config", client.alter_topic, "t", **{"retention_bytes": "100MB", **config})
    assert client.describe_topic("t") == before
    for ask in (lambda: client.describe_topic("u"), lambda: client.alter_topic("u", retention="1d"), lambda: client.delete_topic("u"),
                lambda: client.produce("u", b"v"), lambda: client.fetch("u", 0, 0), lambda: client.list_offsets("u")):
        refused("unknown_topic", ask)
    for ask in (lambda: client.produce("t", b"v", partition=1), lambda: client.fetch("t", 1, 0), lambda: client.list_offsets("t", 1),
                lambda: client.produce_batch("t", 1, pack_batch([Record(b"v")]))):
        refused("unknown_partition", ask)


@needs_node
def test_errors_about_offsets(client):
    client.create_topic("t")
    client.produce("t", b"v", partition=0)
    for plain_form in (False, True):
        assert refused("offset_out_of_range", client.ask, "fetch", topic="t", partition=0, offset=2, plain=plain_form).next_offset == 0


@needs_node
def test_bad_requests(client):
    client.create_topic("t")
    batch = pack_batch([Record(b"v")])
    refused("bad_request", client.ask, "produce")
    refused("bad_request", client.ask, "produce", topic=5, value=b"v")
    refused("bad_request", client.produce, "t")  # neither key nor value
    refused("bad_request", client.produce_batch, "t", None, batch)
    refused("bad_request", client.produce_batch, "t", 0, batch, key=b"k")
    refused("bad_request", client.produce, "t", b"v", acks=2)
    refused("bad_request", client.ask, "fetch", topic="t", partition=-1, offset=0)
    refused("bad_request", client.ask, "list_offsets", topic="t", partition=0, at="middle")
    for frame in (msgpack.packb([1, "hello", 1000, []]), msgpack.packb([1, "hello", 1000, {5: 5}]), msgpack.packb([1, "hello", 1000, {}])[:-1]):
        client._socket.send(frame)
        refused("bad_request", client.receive, 1000)
    for frame in (b"", b"\xc1", b"GET / HTTP/1.0", msgpack.packb({}), msgpack.packb([1, "hello", 1000]), msgpack.packb([1, "hello", -1, {}]),
                  msgpack.packb([1, 5, 1000, {}]), msgpack.packb(["1", "hello", 1000, {}]), msgpack.packb([1, "hello", 1000, {}, 5])):
        client._socket.send(frame)  # nothing to answer to
    assert client.hello()


@needs_node
def test_batches_that_a_node_does_not_take(client):
    client.create_topic("t")
    good = pack_batch([Record(b"v" * 50)])
    for at in (0, 4, 32, 33, 34, 36, 72, len(good) - 1):
        damaged = bytearray(good)
        damaged[at] ^= 0x40
        refused("corrupt_batch", client.produce_batch, "t", 0, bytes(damaged))
    refused("corrupt_batch", client.produce_batch, "t", 0, good[:-1])
    refused("corrupt_batch", client.produce_batch, "t", 0, good + good)  # one request carries one batch
    refused("corrupt_batch", client.produce_batch, "t", 0, good[:40])
    client.alter_topic("t", max_batch_bytes="1KB")
    refused("record_too_large", client.produce_batch, "t", 0, pack_batch([Record(b"v" * 2000)]))
    refused("record_too_large", client.produce, "t", b"v" * 2000)
    assert client.list_offsets("t") == 0
    assert client.produce_batch("t", 0, good)["offset"] == 0


@needs_node
def test_a_node_that_is_full_says_busy(make_node):
    node = make_node("--max-waiting-fetches-per-connection", "1")
    with Client(node.address) as client:
        client.create_topic("t")
        client.send("fetch", topic="t", partition=0, offset=0, max_wait_ms=60000)
        error = refused("busy", client.ask, "fetch", topic="t", partition=0, offset=0, max_wait_ms=60000)
        assert error.again


@needs_node
def test_more_replicas_than_nodes_are_refused(client):
    with pytest.raises(SedgeError) as caught:
        client.create_topic("t", replicas=3)
    assert caught.value.name in ("invalid_config", "not_enough_replicas")
    assert client.metadata()["topics"] == []
