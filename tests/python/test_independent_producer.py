"""Idempotent producers as section 5 of schema/PROTOCOL.md has them: against a node, and against one that misbehaves by script."""

import msgpack
import pytest
import zmq

from conftest import refused, values
from independent_client import Client, Record, SedgeError, make_batch, read_batches
from independent_producer import IdempotentProducer


def test_idempotence(client):
    client.create_topic("t")
    batches = [make_batch([Record(b"%d" % (n + i)) for i in range(3)], "none", 7, 1, n) for n in (0, 3, 6)]
    assert client.produce_batch("t", 0, batches[0])["offset"] == 0
    refused("out_of_order_sequence", client.produce_batch, "t", 0, batches[2])
    assert client.produce_batch("t", 0, batches[1])["offset"] == 3
    for n in (0, 1):  # sent again
        answer = client.produce_batch("t", 0, batches[n])
        assert (answer["duplicate"], answer["offset"]) == (True, 3 * n)
    assert client.produce_batch("t", 0, batches[2])["offset"] == 6
    refused("unknown_producer", client.produce_batch, "t", 0, make_batch([Record(b"x")], "none", 8, 0, 5))
    refused("stale_producer_epoch", client.produce_batch, "t", 0, make_batch([Record(b"x")], "none", 7, 0, 9))
    assert values(client.fetch("t", 0, 0)[0]) == [b"%d" % n for n in range(9)]


def test_sequences_wrap_at_2_to_the_31(client):
    client.create_topic("t")
    producer, last = 11, (1 << 31) - 1
    assert client.produce_batch("t", 0, make_batch([Record(b"0")], "none", producer, 0, 0))["offset"] == 0
    refused("out_of_order_sequence", client.produce_batch, "t", 0, make_batch([Record(b"z")], "none", producer, 0, last))
    refused("corrupt_batch", client.produce_batch, "t", 0, make_batch([Record(b"z")], "none", producer, 0, last + 1))


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


def test_a_refused_batch_is_told_and_the_rest_goes_anew(client):
    client.create_topic("t", max_batch_bytes="1KB")
    producer = IdempotentProducer(client, "t", 0)
    for value in (b"a", b"b" * 2000, b"c", b"d"):
        producer.send([Record(value)])
    assert producer._settle_oldest()["offset"] == 0
    before = producer.producer_id
    refused("record_too_large", producer.flush)
    assert producer.producer_id != before
    assert [answer["offset"] for answer in producer.flush()] == [1, 2]
    assert values(client.fetch("t", 0, 0)[0]) == [b"a", b"c", b"d"]


# --- with a node that answers by script: errors that a healthy one does not give ---

class Scripted:
    """Answers each request with the next of `errors`, then with ok; what it was asked to store is in `batches`."""

    def __init__(self, *errors):
        self.errors, self.batches = list(errors), []
        self.socket = zmq.Context.instance().socket(zmq.ROUTER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.address = f"tcp://127.0.0.1:{self.socket.bind_to_random_port('tcp://127.0.0.1')}"

    def answer(self, count):
        for _ in range(count):
            assert self.socket.poll(30_000)
            who, header, *body = self.socket.recv_multipart()
            self.batches += body
            error = self.errors.pop(0) if self.errors else "ok"
            fields = {"message": "by script"} if error != "ok" else {"partition": 0, "offset": 0, "copies": 1}
            self.socket.send_multipart([who, msgpack.packb([1, msgpack.unpackb(header)[2], error, fields])])


@pytest.fixture
def scripted():
    nodes = []

    def make(*errors):
        nodes.append(Scripted(*errors))
        client = Client(nodes[-1].address)
        nodes.append(client._socket)
        return nodes[-2], client
    yield make
    for each in nodes:
        (each.socket if isinstance(each, Scripted) else each).close()


AGAIN = ("busy", "disk_full", "not_leader", "not_enough_replicas", "timed_out", "shutting_down", "storage_failed")


@pytest.mark.parametrize("error", AGAIN)
def test_an_error_to_be_sent_again_brings_the_same_bytes_in_order(scripted, error):
    node, client = scripted(error, "out_of_order_sequence")
    producer = IdempotentProducer(client, "t", 0, attempts=1, pause_s=0)
    for value in (b"a", b"b"):
        producer.send([Record(value)])
    node.answer(2)
    refused("unreachable", producer.flush)  # after one attempt; both are sent again
    node.answer(2)
    assert len(producer.flush()) == 2
    assert node.batches[:2] == node.batches[2:]


@pytest.mark.parametrize("error", ["stale_producer_epoch", "out_of_order_sequence"])
def test_a_producer_that_is_shut_out_stops(scripted, error):
    node, client = scripted(error)
    producer = IdempotentProducer(client, "t", 0)
    producer.send([Record(b"a")])
    node.answer(1)
    refused(error, producer.flush)
    assert len(node.batches) == 1 and not node.socket.poll(0)


def test_an_error_that_a_client_does_not_know_is_final(scripted):
    node, client = scripted("an_error_of_version_7")
    asked = client.send("produce", topic="t", value=b"v")
    node.answer(1)
    with pytest.raises(SedgeError) as caught:
        client.receive(asked)
    assert not caught.value.again


def test_a_late_answer_is_not_taken_for_another(scripted):
    node, client = scripted("busy")
    late = client.send("produce", topic="t", value=b"v")
    refused("unreachable", client.receive, late, timeout_s=0)
    node.answer(1)
    asked = client.send("produce", topic="t", value=b"v")
    node.answer(1)
    assert client.receive(asked)[0]["copies"] == 1
