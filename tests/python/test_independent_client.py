"""schema/PROTOCOL.md as an outsider reads it: the independent client against a node."""

import re
import signal
import subprocess
import sys
import time

import msgpack
import pytest
import zmq

from conftest import ROOT, refused, values
from independent_client import CODECS, Client, Record, make_batch, partition_of, read_batches


# --- the node and its topics ---

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


def test_the_cluster_is_one_healthy_node(node, client):
    info = client.cluster_info()
    assert info["mesh_id"] == client.hello()["mesh_id"]
    (one,) = info["nodes"]
    assert one["address"] == node.address and one["state"] == "alive" and one["voter"] is True
    assert isinstance(one["version"], str) and one["labels"] == {}
    assert client.cluster_health() == {"healthy": True, "problems": []}


# --- produce and fetch ---

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


def test_keys_choose_their_partition(client):
    client.create_topic("t", partitions=5)
    for n in range(40):
        key = b"key-%d" % n
        assert client.produce("t", b"v", key)["partition"] == partition_of(key, 5)
    assert 0 <= client.produce("t", b"without a key")["partition"] < 5


@pytest.mark.parametrize("codec", CODECS)
def test_batches_of_each_codec(client, codec):
    client.create_topic("t")
    sent = [Record(b"value %d" % n * 9, b"k%d" % n, [("h", b"1"), ("h", b"2")] if n % 2 else [], 1000 + n, n) for n in range(50)]
    for at in (0, 20):
        answer = client.produce_batch("t", 0, make_batch(sent[at:at + 20 + at // 2], codec))
        assert (answer["offset"], answer["copies"]) == (at, 1)
    assert client.fetch("t", 0, 0) == (sent, 50)
    records, following = client.fetch("t", 0, 13, max_bytes=1)  # inside the first batch, which is larger than this
    assert (records, following) == (sent[13:20], 20)
    assert [(r.offset, r.key, r.value) for r in client.fetch_plain("t", 0, 13)] == [(r.offset, r.key, r.value) for r in sent[13:]]
    assert [client.list_offsets("t", 0, at) for at in ("start", "end", 0, 1013, 1049, 1050)] == [0, 50, 0, 13, 49, 50]


def test_body_directly_behind_the_header(client):
    client.create_topic("t")
    header = msgpack.packb([1, "produce", 99, {"topic": "t", "partition": 0}])
    client.send_frames([header + make_batch([Record(b"v")])], 99)
    assert client.receive(99)[0]["offset"] == 0
    assert values(client.fetch("t", 0, 0)[0]) == [b"v"]


def test_unknown_fields_are_skipped_and_strings_are_bytes_too(client):
    client.create_topic("t")
    assert client.ask("produce", topic="t", partition=0, value="as str", key="k", never_heard_of=[{"a": [1, 2]}])["offset"] == 0
    (record,) = client.fetch_plain("t", 0, 0)
    assert (record.key, record.value) == (b"k", b"as str")


def test_acks(client):
    client.create_topic("t")
    client.create_topic("os", durability="os")
    assert client.produce("t", b"1", partition=0, acks=1)["copies"] == 1
    assert client.produce("t", b"2", partition=0, acks="all")["copies"] == 1
    assert client.produce("os", b"3", partition=0)["copies"] == 0
    silent = client.send("produce", topic="t", partition=0, value=b"4", acks=0)
    assert values(client.fetch_plain("t", 0, 2, max_wait_ms=30000)) == [b"4"]
    assert refused("unreachable", client.receive, silent, timeout_s=0).again


def test_merged_answers_stand_for_consecutive_requests(client):
    client.create_topic("t")
    sent = [client.send("produce", topic="t", partition=0, value=b"%d" % n, merge=True) for n in range(500)]
    offset_of = {id: client.receive(id)[0]["offset"] for id in sent}
    assert sorted(offset_of.values()) == list(range(500))
    by_offset = {record.offset: record.value for record in client.fetch_plain("t", 0, 0)}
    assert all(by_offset[offset_of[id]] == b"%d" % n for n, id in enumerate(sent))


@pytest.mark.parametrize("plain_form", [False, True])
def test_a_long_poll_ends_with_a_record_or_with_none(node, client, plain_form):
    client.create_topic("t")
    waiting = client.send("fetch", topic="t", partition=0, offset=0, max_wait_ms=60000, plain=plain_form)
    client.ask("hello")  # is answered meanwhile
    with Client(node.address) as other:
        other.produce("t", b"came", partition=0)
    answer, body = client.receive(waiting)
    found = [record[3] for record in answer["records"]] if plain_form else values(read_batches(body[0])[0].records)
    assert found == [b"came"] and (answer["start"], answer["end"], answer["high_watermark"]) == (0, 1, 1)
    began = time.monotonic()
    empty, body = client.receive(client.send("fetch", topic="t", partition=0, offset=1, max_wait_ms=200, plain=plain_form))
    assert time.monotonic() - began >= 0.19
    assert body == [] and not empty.get("records") and empty["end"] == 1


def test_what_was_acknowledged_is_there_after_a_restart(node, client):
    made = client.create_topic("t", partitions=2)
    client.produce("t", b"plain", b"k", {"h": b"1"}, 1)
    client.produce_batch("t", 1, make_batch([Record(b"batch")], "zstd", 5, 0, 0))
    node.stop()
    node.start()
    assert client.describe_topic("t")["id"] == made["id"]
    records, following = client.fetch("t", 1, 0)
    assert values(records) == [b"plain", b"batch"] and following == 2 and records[0].headers == [("h", b"1")]
    assert client.produce_batch("t", 1, make_batch([Record(b"next")], "zstd", 5, 0, 1))["offset"] == 2


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


def test_consuming_from_an_offset_to_the_end(client):
    client.create_topic("t", partitions=3)
    for n in range(300):
        client.produce("t", b"%d" % n, b"one key")
    partition = partition_of(b"one key", 3)
    end = client.list_offsets("t", partition)
    assert end == 300
    assert values(client.consume("t", partition, 120, end)) == [b"%d" % n for n in range(120, 300)]
    assert [client.list_offsets("t", other) for other in range(3) if other != partition] == [0, 0]


def test_fetch_bounds_above_the_limit_are_lowered_to_it(client):
    client.create_topic("t")
    client.produce("t", b"v")
    assert values(client.fetch("t", 0, 0, max_bytes=1 << 31, max_wait_ms=1 << 31)[0]) == [b"v"]


def test_sizes_are_powers_of_1024(client):
    assert client.create_topic("t", max_batch_bytes="4194304")["config"]["max_batch_bytes"] == "4MB"
    assert client.alter_topic("t", retention_bytes="1000")["config"]["retention_bytes"] == "1000"
    assert client.alter_topic("t", retention_bytes="2048KB")["config"]["retention_bytes"] == "2MB"


def test_only_in_a_batch_may_a_record_have_neither_key_nor_value(client):
    client.create_topic("t")
    refused("bad_request", client.produce, "t")
    assert client.produce_batch("t", 0, make_batch([Record(None, None, [], 5)]))["offset"] == 0
    assert client.fetch("t", 0, 0)[0] == client.fetch_plain("t", 0, 0) == [Record(None, None, [], 5, 0)]
