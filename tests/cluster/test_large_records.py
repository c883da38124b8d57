"""Large records, one at a time and many at once, beside small ones: each is answered, whatever queues lie between."""

from harness import Client

SIZES = [900_000, 500_000, 60_000, 100]


def test_large_records_one_at_a_time(node):
    with Client(node) as client:
        client.create_topic("large")
        for number in range(60):
            value = bytes([number]) * SIZES[number % len(SIZES)]
            assert client.produce("large", value) == (0, number)
        sizes = [len(value) for _, _, value in client.fetch_all("large")]
        assert sizes == [SIZES[number % len(SIZES)] for number in range(60)]


def test_large_records_many_at_once(node):
    with Client(node) as small, Client(node) as client:
        client.create_topic("large")
        small.create_topic("small")
        waiting = {client.send("produce", topic="large", value=b"x" * 900_000) for _ in range(100)}
        for number in range(100):
            assert small.produce("small", b"y") == (0, number)
        stored = 0
        while waiting:
            answer = client.receive()
            assert answer is not None, f"{len(waiting)} were never answered"
            waiting.remove(answer.correlation_id)
            assert answer.error in ("ok", "busy"), answer.error
            stored += answer.error == "ok"
        assert stored > 0
        assert len(client.fetch_all("large")) == stored
