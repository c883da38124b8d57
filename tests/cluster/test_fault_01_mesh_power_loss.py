"""FAULTS 1, for three replicas: all lose power at once right after an acknowledgement; nothing acknowledged is lost."""

import pytest

from harness import FollowingLoad, Mesh, wait_until


@pytest.mark.parametrize("mode", ["drop", "tear", "reorder"])
def test_power_loss_of_all_replicas(powerfs, new_node, mode):
    mesh = Mesh(new_node, 3)
    for node in mesh.nodes:
        node.data = powerfs.mountpoint / node.data.name
    mesh.start()
    mesh.create_topic("t", min_insync="2")
    load = FollowingLoad(mesh, "t").start()
    for seed, moment in enumerate([("sync", 3), ("write", 7)]):
        load.wait_acknowledged(100)
        victim = mesh.leader("t")
        powerfs.kill_at(*moment, victim.pid)
        wait_until(lambda: not victim.running(), f"the kill at {moment}")
        for node in mesh.nodes:
            node.kill()
        powerfs.cut(mode, seed)
        for node in mesh.nodes:
            node.spawn()
        for node in mesh.nodes:
            node.wait_ready()
        mesh.wait_in_sync("t", 3)
    load.wait_acknowledged(50)
    load.stop()
    assert len({load.check(node) for node in mesh.nodes}) == 1
    for node in mesh.nodes:
        node.kill()
