"""FAULTS 12: a full disk gives a clear produce error, reads go on, and writing resumes when there is room."""

import os
import subprocess

import pytest

from harness import Client, Load, RequestFailed, Sedge, check_nothing_lost, wait_until


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 48 MB; grow(megabytes) makes it larger."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    mountpoint = tmp_path / "disk"
    mountpoint.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "sedge-test", str(mountpoint)],
                             capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a tmpfs here: {mounted.stderr.strip()}")

    class SmallDisk:
        path = mountpoint

        @staticmethod
        def grow(megabytes):
            subprocess.run(["mount", "-o", f"remount,size={megabytes}m", str(mountpoint)], check=True)

    yield SmallDisk
    subprocess.run(["umount", "-l", str(mountpoint)], check=True)


@pytest.fixture
def full_node(small_disk, new_node):
    """A node whose disk has just been filled, and the load that filled it."""
    node = new_node(data=small_disk.path / "data").start()
    with Client(node) as client:
        client.create_topic("fill")
    load = Load(node, "fill", size_bytes=32_000, window=16).start()
    wait_until(lambda: "disk_full" in load.errors, "the disk to be full")
    load.stop()
    yield node, load
    node.kill()  # before the disk is unmounted


def test_full_disk_refuses_writes_and_goes_on_reading(full_node):
    node, load = full_node
    assert node.running()
    assert set(load.errors) == {"disk_full"}
    with Client(node) as client:
        with pytest.raises(RequestFailed) as refused:
            for _ in range(100):  # a small record may still fit here and there
                client.produce("fill", b"x" * 32_000)
        assert refused.value.error == "disk_full"
        assert refused.value.fields["message"]
        check_nothing_lost(client, load)


def test_full_disk_writes_again_when_it_grows(full_node, small_disk):
    node, load = full_node
    small_disk.grow(128)

    def produced():
        with Client(node) as client:
            try:
                return client.produce("fill", b"room again")
            except RequestFailed as failure:
                assert failure.error == "disk_full"
                return None
    wait_until(produced, "writing to resume")
    with Client(node) as client:
        check_nothing_lost(client, load)


def test_full_disk_writes_again_when_a_topic_is_deleted(full_node):
    node, _ = full_node
    with Client(node) as client:
        client.request("delete_topic", topic="fill")

        def done(request, *arguments):
            try:
                request(*arguments)
                return True
            except RequestFailed as failure:  # the room is given back in the background
                assert failure.error == "disk_full"
                return False
        wait_until(lambda: done(client.create_topic, "next"), "topics to be made again")
        wait_until(lambda: done(client.produce, "next", b"room again"), "writing to resume")
        assert client.fetch_all("next")[-1][2] == b"room again"


def test_full_disk_survives_kill_and_restart(full_node):
    node, load = full_node
    node.restart()
    with Client(node) as client:
        check_nothing_lost(client, load)
    assert Sedge(node).run("topic", "list").returncode == 0


def test_full_disk_still_lets_topics_be_deleted_after_a_kill(full_node):
    """A start needs a fresh segment before it can store anything: one is kept for that."""
    node, _ = full_node
    node.restart()
    with Client(node) as client:
        client.request("delete_topic", topic="fill")
        client.create_topic("next")

        def produced():
            try:
                return client.produce("next", b"room again")
            except RequestFailed as failure:
                assert failure.error == "disk_full"
                return None
        wait_until(produced, "writing to resume")
