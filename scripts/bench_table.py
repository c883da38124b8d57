"""The table of scripts/bench: each figure beside its limit, both measured here and now, by turns."""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from bench_mesh import BenchMesh
from bench_node import Node, Peak

UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9}
# How the rows scale with --size, the bytes of a round.
BYTES_PER_REQUEST = 1_000       # P1: 256,000 requests at the default size
BYTES_PER_SINGLE = 128_000      # P3: 2,000 records at the default size
LOG_PER_SIZE = 40               # P8: 10 GB at the default size
IDLE_AFTER_S = 1.0
FAILOVERS = int(os.environ.get("FAILOVERS", "10"))
WARM_UP_ROUNDS = 3              # three segments of the usual size at the default --size


def parse_size(text):
    for unit, factor in UNITS.items():
        if text.upper().endswith(unit):
            return int(float(text[: -len(unit)]) * factor)
    return int(text)


class Bench:
    def __init__(self, options):
        self.programs = Path(options.bin)
        self.directory, self.rounds, self.size = options.dir, options.rounds, options.size
        self.rows = []

    def sedge(self, *words, node=None):
        """Runs `sedge --json bench ...` and returns what it printed, a document a line."""
        at = ["-n", node.address] if node else []
        command = [self.programs / "sedge", *at, "--json", "bench", *map(str, words)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"bench: `{' '.join(map(str, command))}` ended with {done.returncode}:\n{done.stderr}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def measure(self, *words, node):
        return self.sedge(*words, "--rounds", self.rounds, "--dir", self.directory, node=node)[0]

    def add(self, name, work, figure, limit, ratio, target, reached):
        self.rows.append((name, work, figure, limit, ratio, target, "yes" if reached else "NO"))
        print(f"  {name}: {figure}, ratio {ratio}", file=sys.stderr, flush=True)

    def warm_up(self, node):
        """Makes the node reuse files whose blocks were written before, as it does once retention has begun."""
        self.sedge("produce", "--no-limit", "--rounds", WARM_UP_ROUNDS, "--size", self.size, node=node)

    def facts(self):
        """What kind of machine this is, so that figures can be read later."""
        limits = {line["bench"]: line for line in self.sedge("limits", "--rounds", self.rounds, "--size", self.size, "--dir", self.directory)}
        model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "?")
        load = os.getloadavg()[0]
        print(f"{os.cpu_count()} x {model}; load {load:.1f}\n"
              f"fdatasync of 4 KB {limits['fsync']['p50_us']:.0f} us, of 1 MB pieces {limits['disk']['mb_per_s']:.0f} MB/s; "
              f"zmq echo {limits['echo']['records_per_s']:,.0f}/s, round trip {limits['round-trip']['p50_us']:.0f} us, "
              f"stream {limits['stream']['mb_per_s']:,.0f} MB/s\n", flush=True)
        if load > 1:
            print("  this machine is busy: look at the ratios, and doubt them too", file=sys.stderr)

    # --- One function for each row of LIMITS.md; each starts a node of its own. ---

    def p1(self):
        with Node(self.programs, self.directory) as node:
            self.warm_up(node)
            got = self.measure("produce", "--per-request", "--records", max(2_000, self.size // BYTES_PER_REQUEST), node=node)
        self.add("P1", "publish, 100 B records, a request each, 1,000 in flight, fsynced", f"{got['records_per_s']:,.0f}/s",
                 f"{got['limit']['records_per_s']:,.0f}/s", f"{got['ratio']:.2f}", ">= 0.50", got["ratio"] >= 0.5)

    def p2(self):
        for name, words in (("P2", ()), ("P2 lib", ("--library",))):
            with Node(self.programs, self.directory) as node:
                got = self.measure("produce", "--size", self.size, "--warm-up", WARM_UP_ROUNDS, *words, node=node)
            self.add(name, "publish, 1 KB records, client batches, fsynced" + (", through libsedge" if words else ""),
                     f"{got['mb_per_s']:,.0f} MB/s", f"{got['limit']['mb_per_s']:,.0f} MB/s", f"{got['ratio']:.2f}", ">= 0.75",
                     got["ratio"] >= 0.75)

    def p3(self):
        with Node(self.programs, self.directory) as node:
            self.warm_up(node)
            got = self.measure("latency", "--records", max(50, self.size // BYTES_PER_SINGLE), node=node)
        self.add("P3", "publish, one 100 B record at a time, fsynced, p50", f"{got['p50_us']:,.0f} us", f"{got['limit']['p50_us']:,.0f} us",
                 f"{got['ratio']:.2f}", "<= 1.3", got["ratio"] <= 1.3)

    def p4(self):
        for name, words in (("P4", ()), ("P4 lib", ("--library",))):
            with Node(self.programs, self.directory) as node:
                got = self.measure("consume", "--size", self.size, *words, node=node)
            self.add(name, "consume, 1 KB records in batches" + (", through libsedge" if words else ""), f"{got['mb_per_s']:,.0f} MB/s",
                     f"{got['limit']['mb_per_s']:,.0f} MB/s", f"{got['ratio']:.2f}", ">= 0.70", got["ratio"] >= 0.7)

    def p5(self):
        words = ("produce", "--no-limit", "--record-bytes", 100, "--size", self.size, "--rounds", self.rounds, "--warm-up", WARM_UP_ROUNDS)
        with Node(self.programs, self.directory) as node:
            alone = self.sedge(*words, node=node)[0]
        with BenchMesh(self.programs, self.directory) as mesh:
            mesh.create_topic("p5")
            leader = mesh.leader("p5")
            mesh.ask("topic", "delete", "p5")  # the next topic's leader is the same node
            together = self.sedge(*words, "--replicas", 3, node=leader)[0]
        third = alone["records_per_s"] / 3
        ratio = together["records_per_s"] / third
        self.add("P5", "publish, 100 B records, client batches, three replicas, fsynced on all", f"{together['records_per_s']:,.0f}/s",
                 f"{third:,.0f}/s", f"{ratio:.2f}", ">= 0.80", ratio >= 0.8)

    def p6(self):
        with BenchMesh(self.programs, self.directory) as mesh:
            mesh.create_topic("p6")
            for kill, what, most_s in ((True, "killed", 0.5), (False, "stopped silently", 1.5)):
                gaps = sorted(mesh.failover("p6", kill) for _ in range(FAILOVERS))
                self.add("P6", f"longest gap when the leader is {what}, of {FAILOVERS}", f"{gaps[-1]:.2f} s", "", f"(p50 {gaps[len(gaps) // 2]:.2f})",
                         f"<= {most_s} s", gaps[-1] <= most_s)

    def p7(self):
        with Node(self.programs, self.directory) as node:
            time.sleep(IDLE_AFTER_S)
            idle = node.memory_bytes("VmRSS") / 2**20
            with Peak(lambda: node.memory_bytes("RssAnon")) as peak:
                records = max(2_000, self.size // BYTES_PER_REQUEST)
                self.sedge("produce", "--per-request", "--no-limit", "--rounds", 2, "--records", records, node=node)
                self.sedge("produce", "--no-limit", "--rounds", 2, "--size", self.size, node=node)
                self.sedge("consume", "--no-limit", "--rounds", 2, "--size", self.size, node=node)
        full = peak.value / 2**20
        self.add("P7", "resident memory, idle", f"{idle:.1f} MB", "", "", "<= 10 MB", idle <= 10)
        self.add("P7", "anonymous memory at most, under full load", f"{full:.1f} MB", "", "", "<= 64 MB", full <= 64)

    def p8(self):
        log = self.size * LOG_PER_SIZE
        got = self.sedge("restart", "--sedged", self.programs / "sedged", "--size", log, "--rounds", self.rounds, "--dir", self.directory)[0]
        seconds = got["p50_us"] / 1e6
        self.add("P8", f"ready after kill -9 with a log of {log / 1e9:.1f} GB", f"{seconds:.2f} s", "", "", "<= 1 s", seconds <= 1)

    def p9(self):
        with Node(self.programs, self.directory) as node:
            before, device_before = node.written_bytes(), node.device_bytes()
            got = self.sedge("produce", "--no-limit", "--rounds", 1, "--size", self.size, "--batch-bytes", 64 << 10, node=node)[0]
            ratio = (node.written_bytes() - before) / got["bytes"]
            device = "" if device_before is None else f" (disk: {(node.device_bytes() - device_before) / got['bytes']:.2f})"
        self.add("P9", "bytes written per byte stored, batches of 64 KB", f"{ratio:.2f}{device}", "1", f"{ratio:.2f}", "<= 1.1", ratio <= 1.1)

    def p10(self):
        for name, words in (("P10", ("--size", self.size)), ("P10 req", ("--per-request", "--records", max(2_000, self.size // BYTES_PER_REQUEST)))):
            with Node(self.programs, self.directory) as node:
                got = self.measure("partitions", "--partitions", 1000, *words, node=node)
            what = "100 B records, a request each" if "--per-request" in words else "client batches of 16 KB"
            self.add(name, f"publish to 1,000 partitions beside 1, {what}", f"{got['mb_per_s']:,.0f} MB/s", f"{got['limit']['mb_per_s']:,.0f} MB/s",
                     f"{got['ratio']:.2f}", ">= 0.80", got["ratio"] >= 0.8)

    def print_table(self):
        heads = ("id", "work", "figure", "limit", "ratio", "target", "reached")
        widths = [max(len(str(row[i])) for row in (heads, *self.rows)) for i in range(len(heads))]
        right = (2, 3, 4)
        for row in (heads, tuple("-" * width for width in widths), *self.rows):
            print("  ".join(cell.rjust(width) if i in right else cell.ljust(width) for i, (cell, width) in enumerate(zip(row, widths))).rstrip())


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench", description="How fast Sedge is here, each figure beside what this machine allows.")
    parser.add_argument("--bin", default="build/bin", help="where sedge and sedged are")
    parser.add_argument("--dir", default=".", help="where the data lies while measuring: on the disk that matters")
    parser.add_argument("--only", default="", help="for example P1,P3")
    parser.add_argument("--rounds", type=int, default=int(os.environ.get("ROUNDS", "5")))
    parser.add_argument("--size", type=parse_size, default=parse_size(os.environ.get("SIZE", "256MB")), help="of a round, for example 256MB")
    options = parser.parse_args()
    bench = Bench(options)
    rows = {"P1": bench.p1, "P2": bench.p2, "P3": bench.p3, "P4": bench.p4, "P5": bench.p5, "P6": bench.p6, "P7": bench.p7, "P8": bench.p8, "P9": bench.p9, "P10": bench.p10}
    wanted = [name.strip().upper() for name in options.only.split(",") if name.strip()] or list(rows)
    unknown = [name for name in wanted if name not in rows]
    if unknown:
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join(rows)}")
    bench.facts()
    for name in wanted:
        rows[name]()
    bench.print_table()


main()
