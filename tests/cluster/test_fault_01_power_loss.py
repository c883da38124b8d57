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
            assert damage(client) == []
    print(lives)
    assert node.stop() == 0


def damage(client):
    """What the node takes for damage. A power cut is none: what it tears was promised to nobody."""
    kinds = {"quarantine", "damaged_segment", "missing_segment", "damaged_index", "manifest", "kept_segments"}
    return [problem for problem in client.request("cluster_health").fields["problems"] if problem["kind"] in kinds]


@pytest.mark.parametrize("mode", ["drop", "tear", "reorder"])
def test_power_loss_beside_a_topic_that_does_not_wait_for_the_disk(powerfs, new_node, mode):
    """Many commits are not yet synced when the power goes: of these any may be torn, but none that was promised to be safe."""
    node = new_node(data=powerfs.mountpoint / "data", options=["--segment-bytes", "8MB"]).start()
    with Client(node) as client:
        client.create_topic("steady")
        client.create_topic("lazy", durability="os")
    loads = []
    for seed, (what, count) in enumerate([("write", 21), ("write", 100), ("sync", 1), ("write", 50), ("write", 7)]):
        lazy = Load(node, "lazy", name=f"lazy{seed}", window=4).start()
        load = Load(node, "steady", name=f"load{seed}", window=1).start().wait_acknowledged(20)
        load.stop()  # from here on few commits are synced, if any
        loads.append(load)
        powerfs.kill_at(what, count, node.pid)
        wait_until(lambda: not node.running(), f"the kill at {what} {count}")
        lazy.stop()
        node.wait_end()
        powerfs.cut(mode, seed)
        node.start()
        with Client(node) as client:
            check_nothing_lost(client, *loads)
            lazily = client.fetch_all("lazy")
            assert [offset for offset, _, _ in lazily] == list(range(len(lazily)))
            assert damage(client) == []
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
