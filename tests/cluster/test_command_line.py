"""`sedge` as users and scripts hold it: output, JSON, exit codes, pipes and signals."""

import json
import signal
import subprocess

import pytest

from harness import Client, Sedge


@pytest.fixture
def sedge(node):
    return Sedge(node)


def test_topics_from_create_to_delete(sedge):
    made = sedge.json("topic", "create", "readings", "-p", 3, "-c", "retention=1d")
    assert made["topic"] == "readings" and len(made["partitions"]) == 3 and made["config"]["retention"] == "1d"
    assert [topic["topic"] for topic in sedge.json("topic", "list")["topics"]] == ["readings"]
    assert sedge.json("topic", "alter", "readings", "retention=2d")["config"]["retention"] == "2d"
    described = sedge.json("topic", "describe", "readings")
    assert described["id"] == made["id"]
    assert described["config"]["retention"] == "2d"
    for partition in described["partitions"]:
        assert (partition["start"], partition["end"], partition["high_watermark"]) == (0, 0, 0)
        assert partition["leader"] and len(partition["replicas"]) == 1 and len(partition["isr"]) == 1
    sedge.run("topic", "delete", "readings")
    assert sedge.json("topic", "list")["topics"] == []


def test_what_the_mesh_refuses_is_exit_code_1(sedge):
    sedge.run("topic", "create", "twice")
    for words in (("topic", "create", "twice"), ("topic", "describe", "nowhere"), ("topic", "create", "x", "-c", "retention=ever"),
                  ("produce", "nowhere"), ("consume", "nowhere", "-e"), ("topic", "create", "x", "-r", 3)):
        done = sedge.run(*words, ok=False)
        assert done.returncode == 1, words
        assert done.stderr.startswith(b"sedge: ") and done.stdout == b""


def test_wrong_usage_is_exit_code_2(sedge):
    for words in ((), ("topic",), ("topic", "create"), ("produce", "t", "-z", "rar"), ("no_such_noun",), ("consume", "t", "--what"),
                  ("consume", "t", "-n", "-1"), ("produce", "t", "-p", "-1"), ("produce", "t", "-K", ""), ("produce", "t", "--acks", "0", "-v"),
                  ("-n", "127.0.0.1", "topic", "list"), ("-n", "edge:what", "topic", "list"), ("--timeout", "0s", "topic", "list")):
        done = sedge.run(*words, ok=False)
        assert done.returncode == 2, words
        assert done.stderr.startswith(b"sedge: ") and done.stdout == b"", words


def test_a_word_that_is_no_command_is_named(sedge):
    for words, wrong in ((("topik", "list"), b"'topik'"), (("topic", "lst"), b"'lst'"), (("group", "list"), b"'group'")):
        assert wrong in sedge.run(*words, ok=False).stderr


def test_produce_and_consume_as_text(sedge):
    sedge.run("topic", "create", "t")
    done = sedge.run("produce", "t", "-K", ":", "-H", "site=oslo", "-v", stdin=b"a:one\nb:two\nc:\nlast:without newline")
    assert b"4 records acknowledged" in done.stderr
    assert done.stdout.decode().splitlines()[0].endswith("partition 0 offset 0")
    assert sedge.lines("consume", "t", "-e") == ["one", "two", "", "without newline"]
    assert sedge.lines("consume", "t", "-e", "-f", r"%t/%p/%o %k=%v\n") == [
        "t/0/0 a=one", "t/0/1 b=two", "t/0/2 c=", "t/0/3 last=without newline"]
    assert sedge.lines("consume", "t", "-e", "-o", -2) == ["", "without newline"]
    assert sedge.lines("consume", "t", "-e", "-o", 1, "-n", 1) == ["two"]
    assert sedge.lines("consume", "t", "-e", "-o", "end") == []


def test_produce_without_acknowledgements_is_over_when_the_node_has_read_all(sedge):
    sedge.run("topic", "create", "t")
    done = sedge.run("produce", "t", "--acks", 0, stdin=b"".join(b"%d\n" % n for n in range(10_000)))
    assert b"10000 records sent" in done.stderr
    assert sedge.lines("consume", "t", "-e") == [str(n) for n in range(10_000)]


def test_records_as_json(sedge):
    sedge.run("topic", "create", "t")
    acknowledged = sedge.run("--json", "produce", "t", "-k", "k", "-v", stdin=b"plain\n\xff\xfe\n").stdout.splitlines()
    assert [json.loads(line)["offset"] for line in acknowledged] == [0, 1]
    records = [json.loads(line) for line in sedge.lines("--json", "consume", "t", "-e")]
    assert [(r["topic"], r["partition"], r["offset"], r["key"]) for r in records] == [("t", 0, 0, "k"), ("t", 0, 1, "k")]
    assert records[0]["value"] == "plain" and records[1]["value_base64"] == "//4="


@pytest.mark.parametrize("codec", ["zstd", "lz4"])
def test_compressed_records_are_the_same_records(sedge, codec):
    sedge.run("topic", "create", "t")
    lines = [f"{n} " + "very compressible " * 20 for n in range(5000)]
    sedge.run("produce", "t", "-z", codec, stdin="\n".join(lines).encode())
    assert sedge.lines("consume", "t", "-e") == lines
    assert sedge.json("topic", "describe", "t")["partitions"][0]["bytes"] < len("\n".join(lines)) // 2


def test_consume_follows_until_sigint(node, sedge):
    sedge.run("topic", "create", "t")
    follower = sedge.spawn("consume", "t", stdout=subprocess.PIPE)
    with Client(node) as client:
        for number in range(3):
            client.produce("t", f"line {number}".encode())
            assert follower.stdout.readline() == f"line {number}\n".encode()
    follower.send_signal(signal.SIGINT)
    assert follower.stdout.read() == b""
    assert follower.wait(60) == 0


def test_produce_sends_each_line_as_it_comes(node, sedge):
    sedge.run("topic", "create", "t")
    producer = sedge.spawn("produce", "t", "-v", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for number in range(3):
        producer.stdin.write(f"line {number}\n".encode())
        producer.stdin.flush()
        assert producer.stdout.readline().endswith(f"offset {number}\n".encode())
    producer.send_signal(signal.SIGINT)
    _, errors = producer.communicate()
    assert producer.returncode == 0
    assert b"3 records acknowledged" in errors


def test_cluster_of_one_is_healthy(node, sedge):
    info = sedge.json("cluster", "info")
    assert len(info["nodes"]) == 1 and info["nodes"][0]["address"] == f"tcp://{node.address}"
    assert sedge.json("cluster", "health") == {"healthy": True, "problems": []}


def test_second_node_of_the_list_serves_when_the_first_is_away(node, new_node, sedge):
    sedge.run("topic", "create", "t")
    sedge.nodes = f"{new_node('away').address},{node.address}"
    assert [topic["topic"] for topic in sedge.json("topic", "list")["topics"]] == ["t"]
