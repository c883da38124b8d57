"""A node that was told to join never founds a mesh: it asks until it is let in, is refused, or is told to stop."""

import socket

from harness import Mesh, wait_until


def test_sigterm_while_nobody_answers(new_node):
    absent, node = new_node(name="absent"), new_node(name="joiner")
    node.options = ["--name", "joiner", "--join", absent.address]
    node.spawn()
    wait_until(lambda: "still_joining" in node.log(), "it says that nobody answers")
    assert absent.address in node.log()
    assert node.stop() == 0
    assert "founded" not in node.log()


def test_member_that_comes_later(new_node):
    first, second = new_node(name="n1"), new_node(name="n2")
    first.options, second.options = ["--name", "n1"], ["--name", "n2", "--join", first.address]
    second.spawn()
    wait_until(lambda: "joining" in second.log(), "it asks")
    first.start()
    second.wait_ready()
    wait_until(lambda: len(Mesh.info(first)) == 2, "the first one knows the second")
    # Its own disk remembers the mesh: nobody has to be there for it to start again.
    first.kill()
    assert second.stop() == 0
    second.start()


def test_second_node_of_a_name_is_refused(new_node):
    first, second = new_node(name="n1"), new_node(name="again")
    first.options = ["--name", "n1"]
    first.start()
    second.options = ["--name", "n1", "--join", first.address]
    refused = second.run_to_end()
    assert refused.returncode == 1
    assert "another --name" in refused.stderr
    # Being refused leaves nothing behind: under a name of its own the same directory gets in.
    second.options = ["--name", "n2", "--join", first.address]
    second.start()
    assert "node=n2" in second.ready_line


def test_taken_port_of_the_peers_is_named(new_node):
    node = new_node()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", node.port + 1))
        taken.listen()
        refused = node.run_to_end()
    assert refused.returncode == 1
    assert str(node.port + 1) in refused.stderr and "--peer-listen" in refused.stderr
    node.start()
