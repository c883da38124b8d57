"""FAULTS 11, for three replicas: a sync of one's disk fails. It exits, says nothing, and catches up when it is back."""

from harness import FollowingLoad, Mesh, wait_until


def test_replica_whose_sync_fails_rejoins(powerfs, new_node):
    mesh = Mesh(new_node, 3)
    mesh.start()
    # Of all disks only this one can fail.
    victim = mesh.nodes[0]
    assert victim.stop() == 0
    (powerfs.mountpoint / "moved").mkdir()
    for part in victim.data.iterdir():
        copy(part, powerfs.mountpoint / "moved" / part.name)
    victim.data = powerfs.mountpoint / "moved"
    victim.start()
    mesh.wait_together()
    mesh.create_topic("t", min_insync="2")
    load = FollowingLoad(mesh, "t").start().wait_acknowledged(50)
    powerfs.fail_sync(1)
    wait_until(lambda: not victim.running(), "the node to exit after a failed sync")
    assert victim.wait_end() != 0
    load.wait_acknowledged(50)
    victim.start()
    mesh.wait_in_sync("t", 3)
    load.stop()
    assert len({load.check(node) for node in mesh.nodes}) == 1
    victim.kill()


def copy(source, target):
    if source.is_dir():
        target.mkdir()
        for each in source.iterdir():
            copy(each, target / each.name)
    else:
        target.write_bytes(source.read_bytes())
