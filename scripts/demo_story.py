"""The story of scripts/demo: telemetry of this machine, a mesh of three whose leader is killed and whose follower loses its disk, and
an account of every record."""

import json
import os
import select
import shutil
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
KILL_AT_TICK = 30     # kill -9 of a leader here,
RESTART_AT_TICK = 50  # and start again here,
WIPE_AT_TICK = 70     # a follower is killed and its disk emptied here,
REJOIN_AT_TICK = 80   # and it comes back here
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
    def __init__(self, programs, folder, name, join):
        self.name = name
        self.data = folder / name
        self.address = f"127.0.0.1:{free_port()}"
        self.command = [str(programs / "sedged"), "--data", str(self.data), "--listen", self.address, "--name", name,
                        "--segment-bytes", "32MB"]
        for other in join:
            self.command += ["--join", other.address]
        self.log = folder / f"{name}.log"
        self.process = None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        readable, _, _ = select.select([self.process.stdout], [], [], 60)
        line = self.process.stdout.readline().decode() if readable else ""
        if not line.startswith("ready"):
            raise DemoFailed(f"{self.name} did not start:\n{self.log.read_text()[-2000:]}")

    def end(self, sign):
        if self.process and self.process.poll() is None:
            self.process.send_signal(sign)
            self.process.wait()
        if self.process:
            self.process.stdout.close()


class DemoMesh:
    """Three nodes; a topic with four partitions, three replicas each."""

    def __init__(self, programs, folder):
        first = DemoNode(programs, folder, "n1", [])
        self.nodes = [first, DemoNode(programs, folder, "n2", [first]), DemoNode(programs, folder, "n3", [first])]
        self.programs = programs

    def sedge(self, *arguments):
        nodes = ",".join(node.address for node in self.nodes)
        return [str(self.programs / "sedge"), "-n", nodes, "--timeout", "60s", *arguments]

    def ask(self, *arguments):
        done = subprocess.run(self.sedge("--json", *arguments), capture_output=True, text=True, timeout=90, check=False)
        return json.loads(done.stdout) if done.stdout else {}

    def wait(self, what, condition):
        deadline = time.monotonic() + 60
        while not condition():
            if time.monotonic() > deadline:
                raise DemoFailed(f"waited in vain until {what}")
            time.sleep(0.1)

    def start(self):
        for node in self.nodes:
            node.start()
        self.wait("three nodes vote", lambda: sum(node["voter"] for node in self.ask("cluster", "info").get("nodes", [])) == 3)
        subprocess.run(self.sedge("topic", "create", TOPIC, "-p", "4", "-r", "3", "-c", "min_insync=2"), check=True, stdout=subprocess.DEVNULL)
        self.wait_in_sync()

    def partitions(self):
        return self.ask("topic", "describe", TOPIC).get("partitions", [])

    def wait_in_sync(self):
        def in_sync():
            partitions = self.partitions()
            return len(partitions) == 4 and all(len(each["isr"]) == 3 and each["leader"] for each in partitions)
        self.wait("all replicas are in sync", in_sync)

    def leader(self):
        name = self.partitions()[0]["leader"]
        return next(node for node in self.nodes if node.name == name)

    def other_than(self, leader):
        return next(node for node in self.nodes if node is not leader)


def produce(mesh, errors):
    """Logs TICKS readings while nodes fail. Returns what was sent, per key, in order."""
    sent = defaultdict(list)
    producer = subprocess.Popen(mesh.sedge("produce", TOPIC, "-K", ":"), stdin=subprocess.PIPE, stderr=errors)
    victim = None
    try:
        for tick in range(TICKS):
            count = sum(map(len, sent.values()))
            if tick == KILL_AT_TICK:
                victim = mesh.leader()
                victim.end(signal.SIGKILL)
                say(f"kill -9 of {victim.name}, the leader of partition 0, after {count} records; the telemetry goes on")
            if tick == RESTART_AT_TICK:
                victim.start()
                say(f"{victim.name} started again, after {count} records; another one leads, and it catches up")
            if tick == WIPE_AT_TICK:
                mesh.wait_in_sync()
                victim = mesh.other_than(mesh.leader())
                victim.end(signal.SIGKILL)
                shutil.rmtree(victim.data)
                say(f"{victim.name} is killed and its disk emptied, after {count} records")
            if tick == REJOIN_AT_TICK:
                for other in mesh.nodes:
                    if other is not victim:
                        victim.command += ["--join", other.address]
                victim.start()
                say(f"{victim.name} is back with an empty disk, after {count} records; it is filled again")
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


def consume(mesh):
    done = subprocess.run(mesh.sedge("consume", TOPIC, "-e", "-f", "%p %k:%v\n"), capture_output=True, text=True, timeout=90, check=False)
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
    mesh = DemoMesh(programs, folder)
    errors_path = folder / "produce.err"
    try:
        mesh.start()
        say(f"three nodes on {', '.join(node.address for node in mesh.nodes)}, their data in {folder}")
        say(f"logging /proc (cpu, memory, disks, network, load) every {TICK_S * 1000:.0f} ms into the topic '{TOPIC}': 4 partitions, 3 replicas")
        with open(errors_path, "wb") as errors:
            sent = produce(mesh, errors)
        total = sum(map(len, sent.values()))
        say(f"sedge produce says: {errors_path.read_text().strip().splitlines()[-1]}")
        mesh.wait_in_sync()
        say("all replicas are in sync again")
        found, partitions = consume(mesh)
        spread = ", ".join(f"{partitions[p]} in {p}" for p in sorted(partitions))
        say(f"read back {sum(map(len, found.values()))} of {total} records of {len(found)} keys ({spread})")
        differences = list(compare(sent, found))
        for line in differences[:20]:
            print(f"  {line}")
        if differences:
            raise DemoFailed("records are missing, doubled or out of order")
        say("every record of every key is there once, in order")
    except (DemoFailed, subprocess.SubprocessError):
        for path in [*(node.log for node in mesh.nodes), errors_path]:
            if path.exists():
                print(f"--- {path.name}\n{path.read_text()[-3000:]}", file=sys.stderr)
        raise
    finally:
        for node in mesh.nodes:
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
