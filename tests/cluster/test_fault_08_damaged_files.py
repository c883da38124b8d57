"""FAULTS 8: flipped bits and truncated files. Found, never served, nothing deleted, no crash loop."""

import os
import random

import pytest

from harness import Client, RequestFailed, wait_until

RECORDS = 400
SIZE = 64_000


def value(number):
    return random.Random(number).randbytes(SIZE)


@pytest.fixture
def written(new_node, tmp_path):
    """A stopped node with some megabytes in several segments."""
    node = new_node(options=["--config", str(small_segments(tmp_path))]).start()
    with Client(node) as client:
        client.create_topic("t", partitions=2)
        for number in range(RECORDS):
            client.produce("t", value(number), partition=number % 2)
    assert node.stop() == 0
    return node


def small_segments(folder):
    file = folder / "sedge.toml"
    file.write_text("segment_bytes = \"8MB\"\n")
    return file


def segments(node):
    """The files of the journal that hold data, oldest first."""
    found = [path for path in (node.data / "journal").iterdir() if path.is_file() and path.stat().st_size > 1_000_000]
    assert found
    return sorted(found)


def read_what_is_left(node):
    """Reads both partitions around what is damaged; every record that is served must be the right one."""
    served, damaged = 0, 0
    with Client(node) as client:
        for partition in range(2):
            offset, end = 0, RECORDS // 2
            while offset < end:
                try:
                    answer = client.request("fetch", topic="t", partition=partition, offset=offset, plain=True)
                except RequestFailed as failure:
                    assert failure.error == "damaged", failure
                    after = failure.fields["next_offset"]
                    assert after > offset
                    damaged += after - offset
                    offset = after
                    continue
                for at, _, _, bytes_, _ in answer.fields["records"]:
                    assert at == offset
                    assert bytes_ == value(2 * offset + partition), f"wrong bytes served at {partition}/{offset}"
                    offset += 1
                    served += 1
                if not answer.fields["records"]:
                    assert answer.fields["high_watermark"] <= offset, "neither records nor an error"
                    break
    return served, damaged


def check_lives_on(node):
    """It starts, serves what is good, takes new records, and does the same after another restart."""
    before = {path.name: path.stat().st_size for path in (node.data / "journal").iterdir()}
    node.start()
    served, damaged = read_what_is_left(node)
    with Client(node) as client:
        client.create_topic("fresh")
        assert client.produce("fresh", b"new") == (0, 0)
    assert node.running()
    node.kill()
    node.start()
    assert read_what_is_left(node) == (served, damaged)
    assert set(before) <= {path.name for path in (node.data / "journal").rglob("*")}, "a damaged file was deleted"
    return served, damaged


def test_fault_08_nothing_damaged_serves_everything(written):
    assert check_lives_on(written) == (RECORDS, 0)


@pytest.mark.parametrize("seed", range(10))
def test_fault_08_flipped_bits(written, seed):
    draw = random.Random(seed)
    victim = draw.choice(segments(written))
    with open(victim, "r+b") as file:
        size = victim.stat().st_size
        for _ in range(draw.choice([1, 3, 20])):
            at = draw.randrange(size)
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ (1 << draw.randrange(8))]))
    served, _ = check_lives_on(written)
    assert served > 0


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9])
def test_fault_08_truncated_file(written, part):
    victim = segments(written)[0]
    os.truncate(victim, int(victim.stat().st_size * part))
    served, damaged = check_lives_on(written)
    assert served > 0
    assert served + damaged == RECORDS


def test_fault_08_missing_segment_counts_as_damaged(written):
    segments(written)[0].unlink()
    written.start()
    served, damaged = read_what_is_left(written)
    assert served > 0 and damaged > 0


@pytest.mark.parametrize("where", ["first pages", "everything"])
def test_fault_08_overwritten_with_noise(written, where):
    victim = segments(written)[0]
    size = victim.stat().st_size
    with open(victim, "r+b") as file:
        file.write(random.Random(1).randbytes(16_384 if where == "first pages" else size))
    served, _ = check_lives_on(written)
    assert served > 0


def test_fault_08_offsets_of_damaged_records_are_not_given_to_others(written):
    """The newest record of a partition is hit so that not even its batch's header can be read: its offset stays its own."""
    for victim in segments(written):
        content = victim.read_bytes()
        at = content.rfind(value(RECORDS - 1))
        if at >= 0:
            with open(victim, "r+b") as file:
                file.seek(at - 50)  # inside the header of 72 bytes before the record
                file.write(bytes([content[at - 50] ^ 1]))
    written.start()
    with Client(written) as client:
        assert client.produce("t", b"new", partition=1) == (1, RECORDS // 2)
        with pytest.raises(RequestFailed) as refused:
            client.request("fetch", topic="t", partition=1, offset=RECORDS // 2 - 1, plain=True)
        assert refused.value.error == "damaged"
        assert refused.value.fields["next_offset"] == RECORDS // 2
        assert unhealthy(client)


def test_fault_08_health_names_the_damage(written):
    victim = segments(written)[0]
    with open(victim, "r+b") as file:
        file.write(random.Random(1).randbytes(victim.stat().st_size))
    written.start()
    with Client(written) as client:
        read_what_is_left(written)
        health = wait_until(lambda: unhealthy(client), "health to name the damage")
        assert health["problems"]


def unhealthy(client):
    health = client.request("cluster_health").fields
    return None if health["healthy"] else health
