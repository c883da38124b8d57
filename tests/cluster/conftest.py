"""What every story may ask for: nodes and disks that are gone when it ends."""

import shutil

import pytest

from harness import Node, PowerFs, powerfs_missing


@pytest.fixture
def new_node(tmp_path):
    """new_node(name="node", options=[...], ...): a Node with a data directory of its own, not started yet."""
    nodes = []

    def make(name="node", data=None, **more):
        node = Node(data or tmp_path / name, **more)
        node.log_path = tmp_path / f"{name}.log"
        nodes.append(node)
        return node

    yield make
    problems = []
    for node in nodes:
        try:
            node.clean_up()
        except AssertionError as problem:
            problems.append(str(problem))
        shutil.rmtree(node.data, ignore_errors=True)  # gigabytes over a whole run; the logs stay
    assert not problems, "\n".join(problems)


@pytest.fixture
def node(new_node):
    return new_node().start()


@pytest.fixture
def powerfs(tmp_path):
    reason = powerfs_missing()
    if reason:
        pytest.skip(reason)
    disk = PowerFs(tmp_path / "backing").mount()
    yield disk
    disk.clean_up()
    shutil.rmtree(tmp_path / "backing", ignore_errors=True)
