"""FAULTS 11: a sync fails. The process exits, nothing of it was acknowledged, and what was acknowledged before is there."""

import pytest

from harness import Client, Load, check_nothing_lost, wait_until


@pytest.mark.parametrize("then", ["plain restart", "power loss"])
def test_failed_sync_ends_the_process_and_loses_nothing(powerfs, new_node, then):
    node = new_node(data=powerfs.mountpoint / "data", options=["--segment-bytes", "8MB"]).start()
    with Client(node) as client:
        client.create_topic("steady")
    loads = []
    for attempt in range(3):
        load = Load(node, "steady", name=f"load{attempt}").start().wait_acknowledged(200)
        loads.append(load)
        powerfs.fail_sync(1)  # the sync after it would succeed: it must not be trusted
        wait_until(lambda: not node.running(), "the node to exit after a failed sync")
        load.stop()
        assert node.wait_end() != 0
        assert powerfs.stats()["failed"] == attempt + 1 if then == "plain restart" else True
        if then == "power loss":
            powerfs.cut("drop", seed=attempt)
        node.start()
        with Client(node) as client:
            check_nothing_lost(client, *loads)
    node.kill()
