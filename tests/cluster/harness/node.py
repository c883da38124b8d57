"""A sedged of our own: started on free ports of 127.0.0.1, waited for, stopped, killed, started again."""

import os
import random
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

BIN = Path(os.environ.get("SEDGE_BIN", Path(__file__).resolve().parents[3] / "build" / "bin"))

# Long enough for sanitizers on a loaded machine; nothing waits this long when all is well.
PATIENCE_S = int(os.environ.get("SEDGE_TEST_PATIENCE_S", "120"))


def wait_until(condition, what, timeout_s=PATIENCE_S):
    """Returns the first true value of condition(); fails with `what` if there is none in time."""
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {timeout_s} s in vain: {what}"
        pause.wait(0.02)


def free_base_port():
    """A port P such that P, P+1, P+2 (clients, peers, stream) and P+79 (HTTP) are free, below the range of outgoing connections."""
    for _ in range(1000):
        base = random.randrange(10_000, 32_000)
        probes = []
        try:
            for port in (base, base + 1, base + 2, base + 79):
                probe = socket.socket()
                probes.append(probe)
                probe.bind(("127.0.0.1", port))
            return base
        except OSError:
            continue
        finally:
            for probe in probes:
                probe.close()
    raise AssertionError("no free ports")


class Node:
    def __init__(self, data, options=(), port=None, environment=None):
        self.data = Path(data)
        self.options = list(options)
        self.port = port or free_base_port()
        self.address = f"127.0.0.1:{self.port}"
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("SEDGE_")}
        self.environment.update(environment or {})
        self.prefix = []  # how to run it elsewhere
        self.process = None
        self.ready_line = None
        self.log_path = Path(str(self.data).rstrip("/") + ".log")

    def command(self, *more):
        return [*self.prefix, str(BIN / "sedged"), "--data", str(self.data), "--listen", self.address, *self.options, *more]

    def spawn(self):
        """Starts the process without waiting for anything."""
        assert self.process is None or self.process.poll() is not None, "still running"
        self.ready_line = None
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                                            env=self.environment)
        return self

    def start(self, timeout_s=PATIENCE_S):
        self.spawn()
        return self.wait_ready(timeout_s)

    def wait_ready(self, timeout_s=PATIENCE_S):
        deadline = time.monotonic() + timeout_s
        line = b""
        while not line.endswith(b"\n"):
            readable, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            assert readable, f"no ready line within {timeout_s} s\n{self.log()}"
            byte = os.read(self.process.stdout.fileno(), 1)
            assert byte, f"ended with {self.process.wait()} before it was ready\n{self.log()}"
            line += byte
        self.ready_line = line.decode().strip()
        assert self.ready_line.startswith("ready node="), self.ready_line
        return self

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """kill -9: nothing is flushed, nobody is told."""
        if self.running():
            self.process.send_signal(signal.SIGKILL)
        self.wait_end()

    def wait_end(self, timeout_s=PATIENCE_S):
        code = self.process.wait(timeout_s)
        self.process.stdout.close()
        return code

    def stop(self):
        """SIGTERM: leaves cleanly. Returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait_end()

    def restart(self):
        self.kill()
        return self.start()

    def run_to_end(self, *more, timeout_s=PATIENCE_S):
        """Runs sedged where it is expected to end by itself (--check, refusals)."""
        return subprocess.run(self.command(*more), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=timeout_s, env=self.environment, check=False)

    def log(self):
        return self.log_path.read_text(errors="replace")[-8000:] if self.log_path.exists() else ""

    def memory_kb(self, field="RssAnon"):
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1])
        raise AssertionError(f"no {field}")

    def open_files(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def clean_up(self):
        if self.running():
            self.kill()
        log = self.log()
        if log:
            print(f"--- log of {self.data.name}\n{log}", file=sys.stderr)
        # A sanitizer that found something says so in the log, whatever the exit code was.
        assert "Sanitizer" not in log and "runtime error" not in log, "a sanitizer found something: see the log above"
