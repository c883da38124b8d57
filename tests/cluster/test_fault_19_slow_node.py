"""FAULTS 19: a node that is slow, not dead: stopped and continued in bursts. Clients wait; nothing is lost or doubled."""

import signal

from harness import Client, Load, check_nothing_lost


def test_fault_19_stop_and_continue_bursts(node):
    with Client(node) as client:
        client.create_topic("steady")
    load = Load(node, "steady").start()
    for burst in range(10):
        load.wait_acknowledged(300 * (burst + 1))
        node.process.send_signal(signal.SIGSTOP)
        with Client(node) as waiting:  # connects to a node that does not answer for now
            waiting.send("hello")
            assert waiting.receive(0.3) is None
            node.process.send_signal(signal.SIGCONT)
            assert waiting.receive() is not None
    load.stop()
    with Client(node) as client:
        check_nothing_lost(client, load)
    assert load.errors == []
