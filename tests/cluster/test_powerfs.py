"""The disk that loses power does what its stories rely on."""

import mmap
import os
import signal
import subprocess

import pytest

from harness import wait_until


def sync_directory(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


@pytest.fixture
def file(powerfs):
    """A file of 8 KB of a's that is on the disk, and so is its name."""
    path = powerfs.mountpoint / "file"
    with open(path, "wb") as out:
        out.write(b"a" * 8192)
        out.flush()
        os.fsync(out.fileno())
    sync_directory(powerfs.mountpoint)
    return path


def overwrite(path, data, at=0, sync=False):
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.pwrite(descriptor, data, at)
        if sync:
            os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


def test_synced_data_survives_and_other_data_does_not(powerfs, file):
    overwrite(file, b"b" * 1000, sync=True)
    overwrite(file, b"c" * 1000, at=4096)
    assert file.read_bytes() == b"b" * 1000 + b"a" * 3096 + b"c" * 1000 + b"a" * 3096
    assert powerfs.cut("drop", seed=1)["dropped"] == 1
    assert file.read_bytes() == b"b" * 1000 + b"a" * 7192


def test_names_survive_with_their_directory_only(powerfs, file):
    (powerfs.mountpoint / "unsynced").write_bytes(b"x")
    file.rename(powerfs.mountpoint / "renamed")
    powerfs.cut("drop", seed=1)
    assert os.listdir(powerfs.mountpoint) == ["file"]
    file.rename(powerfs.mountpoint / "renamed")
    sync_directory(powerfs.mountpoint)
    powerfs.cut("drop", seed=1)
    assert os.listdir(powerfs.mountpoint) == ["renamed"]


def test_torn_writes_are_torn_at_sectors(powerfs, file):
    kinds = set()
    for seed in range(20):
        overwrite(file, b"a" * 8192, sync=True)
        overwrite(file, b"b" * 8192)
        powerfs.cut("reorder", seed)
        data = file.read_bytes()
        sectors = [data[at:at + 512] for at in range(0, 8192, 512)]
        assert all(sector in (b"a" * 512, b"b" * 512) for sector in sectors)
        kinds.add(len(set(sectors)))
    assert kinds == {1, 2}


def test_failed_sync_loses_the_data_for_good(powerfs, file):
    powerfs.fail_sync(1)
    with pytest.raises(OSError):
        overwrite(file, b"b" * 4096, sync=True)
    overwrite(file, b"c" * 100, at=4096, sync=True)  # succeeds, and does not bring it back
    assert file.read_bytes()[:4096] == b"b" * 4096   # as the page cache shows it
    powerfs.cut("drop", seed=1)
    assert file.read_bytes() == b"a" * 4096 + b"c" * 100 + b"a" * 3996


def test_mapped_writes_are_seen_and_synced(powerfs, file):
    with open(file, "r+b") as opened, mmap.mmap(opened.fileno(), 8192) as mapped:
        mapped[5000:5001] = b"m"
        mapped.flush()
        os.fsync(opened.fileno())
    powerfs.cut("drop", seed=1)
    assert file.read_bytes()[5000:5001] == b"m"


def test_kill_inside_a_sync_comes_before_its_effect(powerfs, file):
    writer = subprocess.Popen(["/usr/bin/python3", "-c", f"""
import os, sys
file = os.open({str(file)!r}, os.O_RDWR)
sys.stdin.readline()
os.pwrite(file, b"b" * 8192, 0)
os.fdatasync(file)
print("synced")
"""], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    powerfs.kill_at("sync", 1, writer.pid)
    out, _ = writer.communicate(b"\n")
    assert writer.returncode == -signal.SIGKILL and out == b""
    wait_until(lambda: powerfs.stats()["killed"], "the kill to be told")
    powerfs.cut("drop", seed=1)
    assert file.read_bytes() == b"a" * 8192


def test_clean_end_keeps_everything(powerfs, file):
    overwrite(file, b"b" * 8192)
    powerfs.unmount()
    powerfs.mount()
    assert file.read_bytes() == b"b" * 8192
