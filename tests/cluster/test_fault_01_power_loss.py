"""FAULTS 1: the power goes right after an acknowledgement. What was not synced is lost, torn or reordered; no acknowledged record is."""

import select

import pytest

from harness import Client, Load, check_nothing_lost, wait_until

# Inside the N-th write or sync from now on. Small numbers hit a commit in its middle, odd and even ones its different steps.
MOMENTS = [("sync", 1), ("write", 1), ("write", 2), ("write", 3), ("sync", 2), ("write", 10), ("sync", 7), ("write", 101)]


@pytest.mark.parametrize("mode", ["drop", "tear", "reorder"])
def test_power_loss_under_load(powerfs, new_node, mode):
    node = new_node(data=powerfs.mountpoint / "data", options=["--segment-bytes", "8MB"]).start()
    with Client(node) as client:
        client.create_topic("steady")
    loads, lives = [], []
    for seed, (what, count) in enumerate(MOMENTS):
        load = Load(node, "steady", name=f"load{seed}", window=32).start().wait_acknowledged(100)
        loads.append(load)
        powerfs.kill_at(what, count, node.pid)
        wait_until(lambda: not node.running(), f"the kill at {what} {count}")
        load.stop()
        node.wait_end()
        lives.append(powerfs.cut(mode, seed))
        node.start()
        with Client(node) as client:
            check_nothing_lost(client, *loads)
    print(lives)
    assert node.stop() == 0


@pytest.mark.parametrize("count", range(1, 13))
def test_power_loss_during_the_first_start(powerfs, new_node, count):
    """The cut comes while the data directory is being made: the next start must cope with whatever is there."""
    node = new_node(data=powerfs.mountpoint / "data", options=["--segment-bytes", "8MB"]).spawn()
    powerfs.kill_at("sync", count, node.pid)
    wait_until(lambda: not node.running() or powerfs.stats()["syncs"] >= count or ready(node), "the start or its end")
    node.kill()
    powerfs.cut("tear", seed=count)
    node.start()
    with Client(node) as client:
        client.create_topic("after")
        assert client.produce("after", b"x") == (0, 0)
    assert node.stop() == 0


def ready(node):
    """True once the ready line is waiting to be read."""
    return bool(select.select([node.process.stdout], [], [], 0)[0])
