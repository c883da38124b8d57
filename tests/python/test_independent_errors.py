"""Every error of section 7 of schema/PROTOCOL.md that a client can bring about; those of a failing disk are in tests/cluster."""

import os

import msgpack

from conftest import refused, until, until_ok, values
from independent_client import Client, Record, SedgeError, make_batch


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
                lambda: client.produce_batch("t", 1, make_batch([Record(b"v")]))):
        refused("unknown_partition", ask)


def test_errors_about_offsets(client):
    client.create_topic("t")
    client.produce("t", b"v", partition=0)
    for plain_form in (False, True):
        assert refused("offset_out_of_range", client.ask, "fetch", topic="t", partition=0, offset=2, plain=plain_form).next_offset == 0


def test_bad_requests(client):
    client.create_topic("t")
    batch = make_batch([Record(b"v")])
    refused("bad_request", client.ask, "produce")
    refused("bad_request", client.ask, "produce", topic=5, value=b"v")
    refused("bad_request", client.produce, "t")  # neither key nor value
    refused("bad_request", client.produce_batch, "t", None, batch)
    refused("bad_request", client.produce_batch, "t", 0, batch, key=b"k")
    refused("bad_request", client.produce, "t", b"v", acks=2)
    refused("bad_request", client.ask, "fetch", topic="t", partition=-1, offset=0)
    refused("bad_request", client.ask, "list_offsets", topic="t", partition=0, at="middle")
    for frame in (msgpack.packb([1, "hello", 1000, []]), msgpack.packb([1, "hello", 1000, {5: 5}]), msgpack.packb([1, "hello", 1000, {}])[:-1]):
        client.send_frames([frame], 1000)
        refused("bad_request", client.receive, 1000)
    for frame in (b"", b"\xc1", b"GET / HTTP/1.0", msgpack.packb({}), msgpack.packb([1, "hello", 1000]), msgpack.packb([1, "hello", -1, {}]),
                  msgpack.packb([1, 5, 1000, {}]), msgpack.packb(["1", "hello", 1000, {}]), msgpack.packb([1, "hello", 1000, {}, 5])):
        client.send_frames([frame])  # nothing to answer to
    assert client.hello()


def test_batches_that_a_node_does_not_take(client):
    client.create_topic("t")
    good = make_batch([Record(b"v" * 50)])
    for at in (0, 4, 32, 33, 34, 36, 72, len(good) - 1):
        damaged = bytearray(good)
        damaged[at] ^= 0x40
        refused("corrupt_batch", client.produce_batch, "t", 0, bytes(damaged))
    refused("corrupt_batch", client.produce_batch, "t", 0, good[:-1])
    refused("corrupt_batch", client.produce_batch, "t", 0, good + good)  # one request carries one batch
    refused("corrupt_batch", client.produce_batch, "t", 0, good[:40])
    client.alter_topic("t", max_batch_bytes="1KB")
    refused("record_too_large", client.produce_batch, "t", 0, make_batch([Record(b"v" * 2000)]))
    refused("record_too_large", client.produce, "t", b"v" * 2000)
    assert client.list_offsets("t") == 0
    assert client.produce_batch("t", 0, good)["offset"] == 0


def test_a_node_that_is_full_says_busy(make_node):
    node = make_node("--max-waiting-fetches-per-connection", "1")
    with Client(node.address) as client:
        client.create_topic("t")
        client.send("fetch", topic="t", partition=0, offset=0, max_wait_ms=60000)
        error = refused("busy", client.ask, "fetch", topic="t", partition=0, offset=0, max_wait_ms=60000)
        assert error.again


def test_numbers_that_a_topic_cannot_have(client):
    for fields in ({"replicas": 3}, {"replicas": 0}, {"partitions": 0}, {"partitions": 10_001}, {"min_insync": "2"}):
        refused("invalid_config", client.create_topic, "t", **fields)
    assert client.metadata()["topics"] == []


def test_records_above_their_limits(client):
    client.create_topic("t", max_batch_bytes="4MB")
    header = 2 << 20
    refused("record_too_large", client.produce, "t", bytes(header))
    assert client.produce("t", bytes(header - 100))["offset"] == 0
    refused("record_too_large", client.produce_batch, "t", 0, make_batch([Record(os.urandom(4 << 20))]))
    refused("record_too_large", client.produce_batch, "t", 0, make_batch([Record(bytes((4 << 20) + 1))], "zstd"))  # before compression
    refused("bad_request", client.produce, "t", b"v", headers={str(n): b"" for n in range(65)})
    refused("corrupt_batch", client.produce_batch, "t", 0, make_batch([Record(b"v", None, [(str(n), b"") for n in range(65)])]))
    assert client.list_offsets("t") == 1


def test_offsets_that_retention_took(make_node):
    node = make_node("--retention-check-interval", "100ms", "--trust-clock")
    with Client(node.address) as client:
        client.create_topic("t", retention_bytes="1MB", durability="os", max_batch_bytes="1MB")
        while client.list_offsets("t", 0, "start") == 0:
            client.produce("t", os.urandom(500_000))
        error = refused("offset_out_of_range", client.fetch, "t", 0, 0)
        assert 0 < error.next_offset <= client.list_offsets("t", 0, "start")


def test_damage_on_the_disk_is_told_with_where_to_go_on(node, client):
    client.create_topic("t")
    for n in range(3):
        client.produce_batch("t", 0, make_batch([Record(b"number %d, to be found on the disk" % n)]))
    node.stop()
    (segment,) = [path for path in (node.directory / "data" / "journal").glob("*.seg") if b"number 1, to be found" in path.read_bytes()]
    with open(segment, "r+b") as file:
        file.seek(segment.read_bytes().index(b"number 1, to be found"))
        file.write(b"N")
    node.start()
    assert values(client.fetch("t", 0, 0)[0]) == [b"number 0, to be found on the disk"]
    error = refused("damaged", client.fetch, "t", 0, 1)
    assert error.next_offset == 2
    assert values(client.fetch("t", 0, error.next_offset)[0]) == [b"number 2, to be found on the disk"]


def test_any_node_of_a_mesh_will_do_until_too_few_have_the_partition(make_node):
    nodes = [make_node("--name", "n1")]
    nodes += [make_node("--name", name, "--join", nodes[0].address.removeprefix("tcp://")) for name in ("n2", "n3")]
    clients = [Client(node.address) for node in nodes]
    until(lambda: sum(n["state"] == "alive" for n in clients[0].cluster_info()["nodes"]) == 3)
    until_ok(lambda: clients[0].create_topic("t", replicas=3, min_insync="3"))
    for n, client in enumerate(clients):  # whoever leads
        assert until_ok(lambda: client.produce("t", b"%d" % n))["copies"] == 3
        assert until_ok(lambda: client.list_offsets("t")) == n + 1
        assert values(until_ok(lambda: client.fetch("t", 0, n))[0]) == [b"%d" % n]
    nodes[2].process.kill()
    clients[0].timeout_s = 1  # a record waits for the replicas as long as they may come
    seen = set()
    until(lambda: name_of_error(lambda: clients[0].produce("t", b"v"), seen) == "not_enough_replicas")
    assert seen <= {"ok", "unreachable", "timed_out", "not_enough_replicas", "not_leader"}
    health = clients[0].cluster_health()
    assert not health["healthy"] and all(problem["kind"] and problem["message"] for problem in health["problems"])
    for client in clients:
        client.close()


def name_of_error(ask, seen):
    try:
        ask()
        seen.add("ok")
        return "ok"
    except SedgeError as error:
        seen.add(error.name)
        return error.name
