"""The story of scripts/demo: telemetry of this machine, a node that is killed, and an account of every record."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

TICKS = 120          # readings of /proc
TICK_S = 0.1
KILL_AT_TICK = 50    # kill -9 here,
RESTART_AT_TICK = 60 # and start again here: in between, records wait in the producer
TOPIC = "telemetry"


def say(text):
    print(f"[{time.monotonic() - BEGAN:5.1f} s] {text}", flush=True)


BEGAN = time.monotonic()


class DemoFailed(Exception):
    pass


def free_port():
    """A port with free neighbours for peers, stream and HTTP (port+1, +2, +79)."""
    for _ in range(200):
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
        try:
            for neighbour in (port + 1, port + 2, port + 79):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", neighbour))
            return port
        except (OSError, OverflowError):
            continue
    raise DemoFailed("found no free ports on 127.0.0.1")


def readings():
    """(key, value) for each cpu, some of memory, each disk, each network interface, and the load."""
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith("cpu"):
            name, *ticks = line.split()
            yield f"{name}", {"user": int(ticks[0]), "system": int(ticks[2]), "idle": int(ticks[3])}
    wanted = ("MemFree", "MemAvailable", "Buffers", "Cached", "Dirty", "Writeback", "AnonPages", "Mapped", "Slab")
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, value = line.split(":")
        if name in wanted:
            yield f"memory.{name}", {"kb": int(value.split()[0])}
    disks = 0
    for line in Path("/proc/diskstats").read_text().splitlines():
        fields = line.split()
        if not fields[2].startswith(("loop", "ram")) and disks < 8:
            disks += 1
            yield f"disk.{fields[2]}", {"reads": int(fields[3]), "writes": int(fields[7]), "sectors_written": int(fields[9])}
    for line in Path("/proc/net/dev").read_text().splitlines()[2:][:8]:
        name, counts = line.split(":")
        counts = counts.split()
        yield f"network.{name.strip()}", {"bytes_in": int(counts[0]), "bytes_out": int(counts[8])}
    one, five, fifteen, tasks, _ = Path("/proc/loadavg").read_text().split()
    yield "load", {"one": one, "five": five, "fifteen": fifteen, "tasks": tasks}
    for line in Path("/proc/vmstat").read_text().splitlines():
        name, value = line.split()
        if name in ("pgfault", "pgpgout", "pswpin", "pgmajfault"):
            yield f"vm.{name}", {"count": int(value)}


class DemoNode:
    def __init__(self, programs, folder):
        self.command = [str(programs / "sedged"), "--data", str(folder / "data"), "--listen", f"127.0.0.1:{free_port()}"]
        self.address = self.command[-1]
        self.log = folder / "sedged.log"
        self.process = None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        readable, _, _ = select.select([self.process.stdout], [], [], 60)
        line = self.process.stdout.readline().decode() if readable else ""
        if not line.startswith("ready"):
            raise DemoFailed(f"the node did not start:\n{self.log.read_text()[-2000:]}")

    def end(self, sign):
        if self.process and self.process.poll() is None:
            self.process.send_signal(sign)
            self.process.wait()
        if self.process:
            self.process.stdout.close()


def produce(sedge, node, errors):
    """Logs TICKS readings while the node is killed and started again. Returns what was sent, per key, in order."""
    sent = defaultdict(list)
    producer = subprocess.Popen(sedge + ["produce", TOPIC, "-K", ":"], stdin=subprocess.PIPE, stderr=errors)
    try:
        killed_at = 0.0
        for tick in range(TICKS):
            if tick == KILL_AT_TICK:
                node.end(signal.SIGKILL)
                killed_at = time.monotonic()
                say(f"kill -9 after {sum(map(len, sent.values()))} records; the telemetry goes on")
            if tick == RESTART_AT_TICK:
                began = time.monotonic()
                node.start()
                say(f"started again, ready in {time.monotonic() - began:.2f} s; it was away for {time.monotonic() - killed_at:.1f} s")
            for key, value in readings():
                line = json.dumps({"tick": tick, **value}, separators=(",", ":"))
                sent[key].append(line)
                producer.stdin.write(f"{key}:{line}\n".encode())
            producer.stdin.flush()
            time.sleep(TICK_S)
        producer.stdin.close()
        code = producer.wait(timeout=90)
    except BaseException:
        producer.kill()
        producer.wait()
        raise
    if code != 0:
        raise DemoFailed(f"sedge produce ended with {code}")
    return sent


def consume(sedge):
    done = subprocess.run(sedge + ["consume", TOPIC, "-e", "-f", "%p %k:%v\n"], capture_output=True, text=True, timeout=90, check=False)
    if done.returncode != 0:
        raise DemoFailed(f"sedge consume ended with {done.returncode}: {done.stderr}")
    found, partitions = defaultdict(list), defaultdict(int)
    for line in done.stdout.splitlines():
        partition, record = line.split(" ", 1)
        key, value = record.split(":", 1)
        partitions[partition] += 1
        found[key].append(value)
    return found, partitions


def compare(sent, found):
    """Lines that say what differs; none if every record of every key is there once, in order."""
    for key in sorted(sent.keys() | found.keys()):
        if sent.get(key) == found.get(key):
            continue
        lost = len(set(sent.get(key, [])) - set(found.get(key, [])))
        yield f"{key}: sent {len(sent.get(key, []))}, found {len(found.get(key, []))}, {lost} lost"


def tell(programs, folder):
    node = DemoNode(programs, folder)
    sedge = [str(programs / "sedge"), "-n", node.address, "--timeout", "60s"]
    errors_path = folder / "produce.err"
    try:
        node.start()
        say(f"a node listens on {node.address}, its data in {folder}")
        subprocess.run(sedge + ["topic", "create", TOPIC, "-p", "4"], check=True, stdout=subprocess.DEVNULL)
        say(f"logging /proc (cpu, memory, disks, network, load) every {TICK_S * 1000:.0f} ms into the topic '{TOPIC}', 4 partitions")
        with open(errors_path, "wb") as errors:
            sent = produce(sedge, node, errors)
        total = sum(map(len, sent.values()))
        say(f"sedge produce says: {errors_path.read_text().strip().splitlines()[-1]}")
        found, partitions = consume(sedge)
        spread = ", ".join(f"{partitions[p]} in {p}" for p in sorted(partitions))
        say(f"read back {sum(map(len, found.values()))} of {total} records of {len(found)} keys ({spread})")
        differences = list(compare(sent, found))
        for line in differences[:20]:
            print(f"  {line}")
        if differences:
            raise DemoFailed("records are missing, doubled or out of order")
        say("every record of every key is there once, in order")
    except (DemoFailed, subprocess.SubprocessError):
        for path in (node.log, errors_path):
            if path.exists():
                print(f"--- {path.name}\n{path.read_text()[-3000:]}", file=sys.stderr)
        raise
    finally:
        node.end(signal.SIGTERM)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="sedge-demo-") as folder:
        try:
            tell(Path(sys.argv[1]), Path(folder))
        except (DemoFailed, OSError, subprocess.SubprocessError) as failure:
            print(f"demo failed: {failure}", file=sys.stderr)
            sys.exit(1)
    print("nothing lost", flush=True)


main()
