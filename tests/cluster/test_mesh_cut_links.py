"""The leader's link is cut, or only what it sends is lost: the others go on, and what it stored alone counts for nothing."""

import pytest

from harness import FollowingLoad, Mesh, Net, network_missing


@pytest.fixture
def net():
    reason = network_missing()
    if reason:
        pytest.skip(reason)
    made = Net(3)
    yield made
    made.clean_up()


def start(net, new_node):
    mesh = Mesh(new_node, 3)
    for place, node in enumerate(mesh.nodes, start=1):
        net.place(node, place)
        if "--join" in node.options:
            node.options[node.options.index("--join") + 1] = mesh.nodes[0].address
    mesh.start()
    mesh.create_topic("t", min_insync="2")
    return mesh, FollowingLoad(mesh, "t").start().wait_acknowledged(50)


@pytest.mark.parametrize("how", ["cut", "mute"])
def test_leader_cannot_be_reached(net, new_node, how):
    mesh, load = start(net, new_node)
    gaps = []
    for _ in range(2):
        leader = mesh.leader("t")
        place = mesh.nodes.index(leader) + 1
        load.take_gap_s()
        (net.cut if how == "cut" else net.mute)(place)
        load.wait_acknowledged(100)
        gaps.append(load.take_gap_s())
        (net.heal if how == "cut" else net.unmute)(place)
        mesh.wait_in_sync("t", 3)
        load.wait_acknowledged(50)
    print(f"gaps ({how}): {[round(gap, 3) for gap in gaps]}")
    load.stop()
    assert len({load.check(node) for node in mesh.nodes}) == 1
