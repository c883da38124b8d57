"""FAULTS 15: a produce is retried after a lost answer or a restart, and stored once."""

import subprocess
import threading

import zmq

from harness import Client, Sedge, wait_until
from harness.batch import batch

LINES = 30_000


def test_sedge_produce_rides_over_kills_and_stores_each_line_once(node, tmp_path):
    sedge = Sedge(node)
    sedge.run("topic", "create", "steady")
    errors = tmp_path / "produce.err"
    with open(errors, "wb") as stderr:
        producer = sedge.spawn("produce", "steady", stdin=subprocess.PIPE, stderr=stderr)
    # The lines are fed as they are stored, so that every kill hits a producer at work.
    fed = threading.Semaphore(0)

    def feed():
        for number in range(LINES):
            if number % (LINES // 6) == 0:
                fed.acquire()
            producer.stdin.write(f"{number}\n".encode())
            producer.stdin.flush()
        producer.stdin.close()

    feeder = threading.Thread(target=feed)
    feeder.start()
    for life in range(6):
        before = stored(node)
        fed.release()
        wait_until(lambda: stored(node) > before, f"progress in life {life}")
        node.restart()
    feeder.join()
    assert producer.wait(240) == 0, errors.read_text()
    assert f"{LINES} records acknowledged" in errors.read_text()
    assert sedge.lines("consume", "steady", "-e") == [str(number) for number in range(LINES)]


def stored(node):
    with Client(node) as client:
        return client.request("list_offsets", topic="steady", partition=0, at="end").fields["offset"]


def test_same_batch_again_is_a_duplicate_even_after_kills(node):
    with Client(node) as client:
        client.create_topic("once")
    first = batch([b"a", b"b", b"c"], producer_id=77, sequence=0)
    second = batch([b"d"], producer_id=77, sequence=3)
    for life in range(4):
        with Client(node) as client:
            for body, offset in ((first, 0), (second, 3)):
                answer = client.request("produce", body, topic="once", partition=0)
                assert answer.fields["offset"] == offset
                assert bool(answer.fields.get("duplicate", False)) == (life > 0)
            assert [value for _, _, value in client.fetch_all("once")] == [b"a", b"b", b"c", b"d"]
        node.restart()


def test_answer_that_nobody_heard(node):
    """The client vanishes right after its request; another connection repeats it: stored once."""
    with Client(node) as client:
        client.create_topic("once")
        for number in range(200):
            body = batch([f"record {number}".encode()], producer_id=5, sequence=number)
            with Client(node) as hasty:
                hasty.send("produce", body, topic="once", partition=0)
                hasty.socket.setsockopt(zmq.LINGER, 1000)  # the request leaves, the answer finds nobody
            answer = client.request("produce", body, topic="once", partition=0)
            assert answer.fields["offset"] == number
        assert [value for _, _, value in client.fetch_all("once")] == [f"record {number}".encode() for number in range(200)]
