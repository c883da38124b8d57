"""FAULTS 8, for three replicas: bits flip in the log of one of them. Found at the start, never served, repaired from the others."""

import random

from harness import FollowingLoad, Mesh


def test_damaged_replica_is_filled_again(new_node):
    mesh = Mesh(new_node, 3).start()
    mesh.create_topic("t", min_insync="2")
    load = FollowingLoad(mesh, "t", records=200).start().wait_acknowledged(20_000)
    leader = mesh.leader("t")
    victim = next(node for node in mesh.nodes if node is not leader)
    victim.kill()
    files = [path for path in (victim.data / "journal").iterdir() if path.suffix == ".seg" and path.stat().st_size > 1_000_000]
    assert files
    draw = random.Random(8)
    for path in files:
        with open(path, "r+b") as file:
            for _ in range(20):
                at = draw.randrange(64_000, 900_000)
                file.seek(at)
                byte = file.read(1)
                file.seek(at)
                file.write(bytes([byte[0] ^ 0x10]))
    victim.start()
    mesh.wait_in_sync("t", 3)
    mesh.wait_together()
    load.wait_acknowledged(500)
    leader.kill()
    load.wait_acknowledged(500)
    leader.start()
    mesh.wait_in_sync("t", 3)
    load.stop()
    assert len({load.check(node) for node in mesh.nodes}) == 1
