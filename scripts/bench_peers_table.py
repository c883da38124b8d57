"""The table of scripts/bench_peers: publishing and reading on each broker by turns, and how many times faster Sedge is."""

import argparse
import json
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from bench_node import Node, free_base_port

READY_WITHIN_S = 60
IDLE_AFTER_S = 1.0
RECORD_BYTES = 100
# A batch that holds about a thousand records of 100 B, as the peers' batches do.
BATCH_BYTES = 112_000
LAZY_SHARE = 4  # what is slow with a sync for every message is measured with a fraction of the records

# (key, head, unit, is more better)
COLUMNS = (("requests", "a request a record, 1,000 in flight", "/s", True), ("batches", "batches of 1,000 records", "/s", True),
           ("single", "one at a time, p50", " us", False), ("consume", "consume", "/s", True), ("idle", "idle memory", " MB", False))


class Peer:
    """A server on a free loopback port with an empty directory, until the block ends."""

    def __init__(self, options, command_for):
        self.options, self.command_for = options, command_for

    def __enter__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="peer-bench-", dir=self.options.dir))
        self.port = free_base_port((0,))
        with open(self.directory / "log", "wb") as log:
            self.process = subprocess.Popen(self.command_for(self.directory, self.port), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + READY_WITHIN_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    text = (self.directory / "log").read_text()
                    self.__exit__()
                    raise SystemExit(f"bench_peers: a server did not start:\n{text}") from None
                time.sleep(0.05)

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def idle_mb(self):
        time.sleep(IDLE_AFTER_S)
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return None


def redis_command(directory, port):
    return ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--dir", str(directory), "--save", "", "--appendonly", "yes",
            "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"]


def nats_command(options, sync):
    def command(directory, port):
        config = directory / "nats.conf"
        config.write_text(f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: "{directory}/store"\n  {sync} }}\n')
        return [str(Path(options.peers) / "nats-server"), "-c", str(config)]
    return command


def drive(options, kind, command_for, requests, singles):
    with Peer(options, command_for) as peer:
        figures = {"idle": peer.idle_mb()}
        done = subprocess.run([Path(options.peers) / "driver", kind, "--address", f"127.0.0.1:{peer.port}", "--records", str(options.records),
                               "--requests", str(requests), "--singles", str(singles)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"bench_peers: {kind}: {done.stderr}")
        for line in done.stdout.splitlines():
            got = json.loads(line)
            figures[got["work"]] = None if "failure" in got else got["p50_us"] if got["work"] == "single" else got["records_per_s"]
        return figures


def sedge(options, durability):
    with Node(options.bin, options.dir) as node:
        time.sleep(IDLE_AFTER_S)
        figures = {"idle": node.memory_bytes("VmRSS") / 2**20}

        def bench(*words):
            command = [Path(options.bin) / "sedge", "-n", node.address, "--json", "bench", *map(str, words), "--no-limit", "--rounds", 1,
                       "--record-bytes", RECORD_BYTES, "--durability", durability]
            done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise SystemExit(f"bench_peers: {' '.join(map(str, command))}: {done.stderr}")
            return json.loads(done.stdout)

        batches = ("--batch-bytes", BATCH_BYTES, "--in-flight", 5, "--records", options.records)
        figures["requests"] = bench("produce", "--per-request", "--records", options.records)["records_per_s"]
        figures["single"] = bench("latency", "--records", 1000)["p50_us"]
        figures["batches"] = bench("produce", *batches)["records_per_s"]
        figures["consume"] = bench("consume", *batches)["records_per_s"]
        return figures


def show(value, unit):
    return "-" if value is None else f"{value:,.0f}{unit}"


def print_table(rounds_of):
    medians = {}
    for name, rounds in rounds_of.items():
        medians[name] = {key: statistics.median(values) if (values := [each[key] for each in rounds if each.get(key) is not None]) else None
                         for key, _, _, _ in COLUMNS}
    names = list(medians)
    print(f"\n100 B records, one client; medians of {max(map(len, rounds_of.values()))} rounds")
    lines = [["", *names, "Sedge to the best peer"]]
    for key, head, unit, more in COLUMNS:
        line = [head, *(show(medians[name][key], unit) for name in names)]
        peers = [medians[name][key] for name in names if not name.startswith("Sedge") and "lazy" not in name and medians[name][key]]
        ours = medians.get("Sedge", {}).get(key)
        if ours and peers:
            line.append(f"{ours / max(peers):.2f} x" if more else f"{min(peers) / ours:.2f} x better")
        lines.append(line)
    widths = [max(len(line[i]) for line in lines if i < len(line)) for i in range(len(lines[0]))]
    for line in lines:
        print("  ".join(cell.rjust(width) if i else cell.ljust(width) for i, (cell, width) in enumerate(zip(line, widths))).rstrip())
    print("\nEvery column but those called lazy answers only what was fsynced. lazy: NATS syncs every two minutes; Sedge's topics have durability=os.")


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench_peers", description="The same work on other brokers, side by side.")
    parser.add_argument("--bin", default="build/bin")
    parser.add_argument("--peers", default="build/peers")
    parser.add_argument("--dir", default=".")
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="for example redis,sedge")
    options = parser.parse_args()
    few = max(1_000, options.records // LAZY_SHARE // 5)
    runs = {
        "Redis": lambda: drive(options, "redis", redis_command, options.records, 1_000),
        "NATS": lambda: drive(options, "nats", nats_command(options, "sync_interval: always"), few, 1_000),
        "NATS lazy": lambda: drive(options, "nats", nats_command(options, ""), options.records, 1_000),
        "Sedge": lambda: sedge(options, "fsync"),
        "Sedge lazy": lambda: sedge(options, "os"),
    }
    only = [word.strip().lower() for word in options.only.split(",") if word.strip()]
    rounds_of = {name: [] for name in runs if not only or name.split()[0].lower() in only}
    for number in range(options.rounds):
        for name, rounds in rounds_of.items():
            rounds.append(runs[name]())
            print(f"round {number + 1}: {name} done", flush=True)
    print_table(rounds_of)


main()
