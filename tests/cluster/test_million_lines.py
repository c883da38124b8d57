"""A million lines through `sedge produce` and `sedge consume`: equal, and in order for each key."""

import subprocess

from harness import Sedge

LINES = 1_000_000


def test_million_lines_come_back_equal(node, tmp_path):
    sedge = Sedge(node)
    given, found = tmp_path / "given", tmp_path / "found"
    given.write_text("".join(f"line {n} of a million, at the edge\n" for n in range(LINES)))
    sedge.run("topic", "create", "lines")
    with open(given, "rb") as lines:
        done = sedge.run("produce", "lines", stdin=lines)
    assert f"{LINES} records acknowledged" in done.stderr.decode()
    with open(found, "wb") as out:
        assert sedge.spawn("consume", "lines", "-e", stdout=out).wait(600) == 0
    assert subprocess.run(["cmp", str(given), str(found)], check=False).returncode == 0


def test_keys_keep_their_order_over_partitions(node, tmp_path):
    sedge = Sedge(node)
    count, keys = 100_000, 97
    given = tmp_path / "given"
    given.write_text("".join(f"key{n % keys}:{n}\n" for n in range(count)))
    sedge.run("topic", "create", "keyed", "-p", 6)
    with open(given, "rb") as lines:
        sedge.run("produce", "keyed", "-K", ":", "-z", "lz4", stdin=lines)
    last, partition_of, seen = {}, {}, 0
    for line in sedge.lines("consume", "keyed", "-e", "-f", "%p %k %v\n"):
        partition, key, value = line.split(" ")
        assert partition_of.setdefault(key, partition) == partition, f"{key} is in two partitions"
        assert last.get(key, -1) < int(value), f"{key} out of order"
        last[key] = int(value)
        seen += 1
    assert seen == count
    assert len(set(partition_of.values())) == 6
