"""Three nodes, three replicas, acks=all: whatever happens to the leader, nothing acknowledged is lost and others go on."""

import os
import shutil
import signal

from harness import Client, FollowingLoad, Mesh

ROUNDS = int(os.environ.get("SEDGE_FAILOVER_ROUNDS", "3"))


def start_load(new_node):
    mesh = Mesh(new_node, 3).start()
    mesh.create_topic("t", min_insync="2")
    return mesh, FollowingLoad(mesh, "t").start().wait_acknowledged(50)


def test_leader_is_killed(new_node):
    mesh, load = start_load(new_node)
    gaps = []
    for _ in range(ROUNDS):
        leader = mesh.leader("t")
        load.take_gap_s()
        leader.kill()
        load.wait_acknowledged(50)
        gaps.append(load.take_gap_s())
        leader.start()
        mesh.wait_in_sync("t", 3)
    print(f"gaps when the leader is killed: {sorted(round(gap, 3) for gap in gaps)}")
    load.stop()
    assert len({load.check(node) for node in mesh.nodes}) == 1


def test_leader_is_stopped_and_goes_on_later(new_node):
    """FAULTS 10: it wakes up as somebody else leads; what it then says counts for nothing."""
    mesh, load = start_load(new_node)
    gaps = []
    for _ in range(ROUNDS):
        leader = mesh.leader("t")
        load.take_gap_s()
        os.kill(leader.pid, signal.SIGSTOP)
        try:
            load.wait_acknowledged(50)
        finally:
            os.kill(leader.pid, signal.SIGCONT)
        gaps.append(load.take_gap_s())
        mesh.wait_in_sync("t", 3)
    print(f"gaps when the leader is stopped: {sorted(round(gap, 3) for gap in gaps)}")
    load.stop()
    assert len({load.check(node) for node in mesh.nodes}) == 1


def test_follower_comes_back_with_an_empty_disk(new_node):
    """FAULTS 4: the same name without its log is not in sync until it has caught up."""
    mesh, load = start_load(new_node)
    leader = mesh.leader("t")
    follower = next(node for node in mesh.nodes if node is not leader)
    follower.kill()
    shutil.rmtree(follower.data)
    load.wait_acknowledged(200)
    if "--join" not in follower.options:  # the founder has to be told where its mesh is
        follower.options += ["--join", leader.address]
    follower.start()
    mesh.wait_in_sync("t", 3)
    mesh.wait_together()  # a lost voter's place is taken by then
    leader.kill()
    load.wait_acknowledged(50)
    leader.start()
    mesh.wait_in_sync("t", 3)
    load.stop()
    assert len({load.check(node) for node in mesh.nodes}) == 1


def test_rolling_restart(new_node):
    mesh, load = start_load(new_node)
    gaps = []
    for node in mesh.nodes:
        load.take_gap_s()
        assert node.stop() == 0
        load.wait_acknowledged(50)
        gaps.append(load.take_gap_s())
        node.start()
        mesh.wait_in_sync("t", 3)
    print(f"gaps in a rolling restart: {sorted(round(gap, 3) for gap in gaps)}")
    load.stop()
    assert len({load.check(node) for node in mesh.nodes}) == 1


def test_all_nodes_are_killed_at_once(new_node):
    mesh, load = start_load(new_node)
    for node in mesh.nodes:
        node.kill()
    for node in mesh.nodes:
        node.spawn()
    for node in mesh.nodes:
        node.wait_ready()
    load.wait_acknowledged(50)
    mesh.wait_in_sync("t", 3)
    load.stop()
    with Client(mesh.nodes[2]) as client:
        assert client.request("cluster_health").fields["healthy"]
    assert len({load.check(node) for node in mesh.nodes}) == 1
