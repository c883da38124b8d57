"""kill -9 under load: every acknowledged record comes back once, unchanged, in order."""

from harness import Client, Load, check_nothing_lost


def test_kill_under_load_again_and_again(node):
    with Client(node) as client:
        client.create_topic("a")
        client.create_topic("b")
    loads = {"a": [], "b": []}
    for life in range(6):
        now = [Load(node, topic, name=f"{topic}{life}").start() for topic in loads]
        for load in now:
            load.wait_acknowledged(500 + 300 * life)
            loads[load.topic].append(load)
        node.kill()  # requests are in flight
        for load in now:
            load.stop()
        node.start()
        with Client(node) as client:
            for topic in loads:
                check_nothing_lost(client, *loads[topic])


def test_killed_before_the_first_record(node):
    with Client(node) as client:
        client.create_topic("empty", partitions=3)
    node.restart()
    with Client(node) as client:
        assert client.fetch_all("empty", 2) == []
        assert client.produce("empty", b"x", partition=2) == (2, 0)


def test_deleted_topic_stays_deleted_after_a_kill(node):
    with Client(node) as client:
        client.create_topic("gone")
        client.produce("gone", b"old")
        client.request("delete_topic", topic="gone")
    node.restart()
    with Client(node) as client:
        client.create_topic("gone")
        assert client.fetch_all("gone") == []
