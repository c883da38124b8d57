"""FAULTS 20: too many clients, and clients that never read. Others are served, memory and file descriptors stay bounded."""

import zmq

from harness import Client, Load, check_nothing_lost, wait_until

RECONNECTS = 10_000


def test_ten_thousand_reconnects(node):
    with Client(node) as client:
        client.create_topic("calm")
    load = Load(node, "calm", window=8).start().wait_acknowledged(100)
    context = zmq.Context(1)
    try:
        warmed_up = None
        for number in range(RECONNECTS):
            dealer = context.socket(zmq.DEALER)
            dealer.setsockopt(zmq.LINGER, 0)
            dealer.connect(f"tcp://{node.address}")
            if number % 10 == 0:
                dealer.send(b"\x94\x01\xa5hello\x01\x80")
                assert dealer.poll(60_000), f"no answer at connection {number}"
            dealer.close(0)
            if number == RECONNECTS // 5:
                warmed_up = node.memory_kb()
    finally:
        context.term()
    before = len(load.acknowledged)
    load.wait_acknowledged(before + 100)
    load.stop()
    wait_until(lambda: node.open_files() < 200, "the node to let go of dead connections")
    assert node.memory_kb() < warmed_up + 64_000, "memory grows with every connection"
    with Client(node) as client:
        check_nothing_lost(client, load)


def test_consumer_that_never_reads(node):
    """It asks for megabytes again and again and never takes an answer: it may be refused, others not, and memory is bounded."""
    with Client(node) as client:
        client.create_topic("big")
        for _ in range(40):
            client.produce("big", b"x" * 500_000)
    deaf = Client(node)
    deaf.socket.setsockopt(zmq.RCVHWM, 1)
    deaf.socket.setsockopt(zmq.RCVBUF, 4096)
    before = node.memory_kb()
    for number in range(20_000):
        deaf.send("fetch", topic="big", partition=0, offset=number % 40, max_bytes=4 << 20)
    load = Load(node, "big", window=8).start().wait_acknowledged(500)
    load.stop()
    assert node.memory_kb() < before + 300_000, "answers that nobody reads pile up"
    deaf.close()
    with Client(node) as client:
        assert client.request("hello").fields


def test_many_clients_at_once(node):
    clients = [Client(node) for _ in range(300)]
    with Client(node) as first:
        first.create_topic("many", partitions=4)
    for number, client in enumerate(clients):
        client.send("produce", topic="many", partition=number % 4, value=f"{number}".encode())
    for client in clients:
        answer = client.receive()
        assert answer is not None and answer.error == "ok"
    found = []
    for partition in range(4):
        found += [int(value) for _, _, value in clients[0].fetch_all("many", partition)]
    assert sorted(found) == list(range(300))
    for client in clients:
        client.close()
