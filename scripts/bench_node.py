"""A sedged of a benchmark's own, and what the kernel says about it."""

import os
import random
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

READY_WITHIN_S = 120
SAMPLE_S = 0.01
SECTOR_BYTES = 512


def free_base_port(steps=(0, 1, 2, 79)):
    """A port P with P+1, P+2 and P+79 free too (clients, peers, stream, HTTP), below the range of outgoing connections."""
    for _ in range(1000):
        base = random.randrange(10_000, 32_000)
        probes = []
        try:
            for step in steps:
                probes.append(socket.socket())
                probes[-1].bind(("127.0.0.1", base + step))
            return base
        except OSError:
            continue
        finally:
            for probe in probes:
                probe.close()
    raise SystemExit("bench: no free ports on 127.0.0.1")


class Node:
    """with Node(...) as node: it runs, with empty data, until the block ends."""

    def __init__(self, programs, parent, *options):
        self.programs, self.parent, self.options = Path(programs), parent, options

    def spawn(self):
        with open(self.directory / "log", "ab") as log:
            self.process = subprocess.Popen([self.programs / "sedged", "--data", self.directory / "data", "--listen", self.address, *self.options],
                                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)

    def __enter__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="sedge-bench-", dir=self.parent))
        self.address = f"127.0.0.1:{free_base_port()}"
        self.spawn()
        try:
            self.wait_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def wait_ready(self):
        line, deadline = b"", time.monotonic() + READY_WITHIN_S
        while not line.endswith(b"\n"):
            readable, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            byte = os.read(self.process.stdout.fileno(), 1) if readable else b""
            if not byte:
                raise SystemExit(f"bench: sedged did not get ready:\n{(self.directory / 'log').read_text()}")
            line += byte

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def memory_bytes(self, field):
        """VmRSS: resident in all; RssAnon: without what the kernel can drop, such as pages of mapped files."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
        raise SystemExit(f"bench: the kernel does not tell {field}")

    def written_bytes(self):
        """What this process handed to write calls on files. The kernel's own count (write_bytes) is of no use for small writes: it takes
        a whole large folio of the page cache for each."""
        for line in Path(f"/proc/{self.process.pid}/io").read_text().splitlines():
            if line.startswith("wchar:"):
                return int(line.split()[1])
        raise SystemExit("bench: the kernel does not tell wchar")

    def device_bytes(self):
        """What the disk below the data was given, by anybody; None where the kernel does not tell."""
        device = os.stat(self.directory).st_dev
        try:
            stat = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat").read_text().split()
        except OSError:
            return None
        return int(stat[6]) * SECTOR_BYTES


class Peak:
    """with Peak(read) as peak: the greatest value of read() while the block runs is then in peak.value."""

    def __init__(self, read):
        self.read, self.value, self.over = read, 0, threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self

    def watch(self):
        while not self.over.wait(SAMPLE_S):
            self.value = max(self.value, self.read())

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        self.value = max(self.value, self.read())
