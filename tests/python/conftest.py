"""A node to test a client against."""

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from independent_client import Client, SedgeError

ROOT = Path(__file__).resolve().parents[2]
SEDGED = Path(os.environ.get("SEDGE_BIN", ROOT / "build" / "bin")) / "sedged"
START_S = 60
SEGMENT_BYTES = "8MB"  # a node takes the room for its journal at once: little, for many nodes one after the other


def free_port():
    """Of a range of 80, as HTTP is at port + 79: all that a node listens on must be free."""
    while True:
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                for offset in (1, 2, 79):
                    with socket.socket() as other:
                        other.bind(("127.0.0.1", port + offset))
                return port
            except (OSError, OverflowError):
                continue


class Node:
    def __init__(self, directory, *options):
        self.directory, self.options, self.port = directory, options, free_port()
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        command = [SEDGED, "--data", self.directory / "data", "--listen", f"127.0.0.1:{self.port}",
                   *([] if "--segment-bytes" in self.options else ["--segment-bytes", SEGMENT_BYTES]), *self.options]
        with open(self.directory / "log", "ab") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        watchdog = threading.Timer(START_S, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        assert line.startswith("ready"), (self.directory / "log").read_text()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(START_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        if self.process:
            self.process.stdout.close()


@pytest.fixture
def make_node(tmp_path):
    if not SEDGED.exists():
        pytest.skip("sedged is not built")
    nodes = []

    def make(*options):
        directory = tmp_path / str(len(nodes))
        directory.mkdir()
        nodes.append(Node(directory, *options))
        nodes[-1].start()
        return nodes[-1]
    yield make
    for node in nodes:
        node.stop()
        shutil.rmtree(node.directory / "data", ignore_errors=True)


@pytest.fixture
def node(make_node):
    return make_node()


@pytest.fixture
def client(node):
    with Client(node.address) as client:
        yield client


def refused(name, function, *args, **fields):
    with pytest.raises(SedgeError) as caught:
        function(*args, **fields)
    assert caught.value.name == name, caught.value
    assert caught.value.fields["message"]
    return caught.value


def until(condition):
    """Asks until it is true."""
    deadline = time.monotonic() + START_S
    while not condition():
        assert time.monotonic() < deadline


def until_ok(ask):
    """Asks again while the answer says that this may help."""
    deadline = time.monotonic() + START_S
    while True:
        try:
            return ask()
        except SedgeError as error:
            if not error.again or time.monotonic() > deadline:
                raise


def values(records):
    return [record.value for record in records]
