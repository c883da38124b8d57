"""Every vector of schema/vectors, read by the independent client: no node is needed."""

from pathlib import Path

import msgpack
import pytest

from independent_client import BATCH, CODECS, Corrupt, Record, crc32c, load_vectors, make_batch, murmur2, partition_of, read_batches

VECTORS = Path(__file__).resolve().parents[2] / "schema" / "vectors"


def vectors(*files):
    return [pytest.param(data, meaning, id=f"{file}:{name}") for file in files for name, data, meaning in load_vectors(VECTORS / f"{file}.json")]


def test_no_file_of_vectors_is_left_out():
    files = {path.stem for path in VECTORS.glob("*.json")}
    assert files == {"batches", "crc32c", "key_hash", "requests", "responses"}
    assert all(load_vectors(VECTORS / f"{file}.json") for file in files)


def test_checksum_and_key_hash_are_those_of_the_text():
    assert crc32c(b"123456789") == 0xE3069283
    assert murmur2(b"21") == 3321034988
    assert murmur2(b"foobar") == 3504634814


@pytest.mark.parametrize("data, meaning", vectors("crc32c"))
def test_checksums(data, meaning):
    assert meaning == {"crc32c": crc32c(data)}


@pytest.mark.parametrize("data, meaning", vectors("key_hash"))
def test_key_hashes(data, meaning):
    assert meaning == {"murmur2": murmur2(data), "partition_of": {str(n): partition_of(data, n) for n in (1, 3, 12, 1000)}}


@pytest.mark.parametrize("data, meaning", vectors("requests", "responses"))
def test_messages(data, meaning):
    assert msgpack.unpackb(data) == meaning


@pytest.mark.parametrize("data, meaning", vectors("batches"))
def test_batches(data, meaning):
    stamped = meaning["append_time_ms"] != 0
    ((header, records),) = read_batches(data, stamped)
    expected = [Record(r["value"], r["key"], [tuple(h) for h in r["headers"]], r["timestamp_ms"], r["offset"]) for r in meaning.pop("records")]
    assert records == expected
    fields = dict(header._asdict(), codec=CODECS[header.codec])
    assert {name: fields[name] for name in meaning} == meaning
    assert set(fields) - set(meaning) == {"leader_crc", "version", "flags"}
    assert stamped or header.leader_crc == 0
    # And the other way: what this client makes means the same; uncompressed and unstamped, to the byte.
    made = make_batch(expected, fields["codec"], header.producer_id, header.producer_epoch, header.base_sequence)
    assert stamped or header.codec or made == data
    ((_, again),) = read_batches(made, stamped=False)
    assert [(r.key, r.value, r.headers, r.timestamp_ms) for r in again] == [(r.key, r.value, r.headers, r.timestamp_ms) for r in expected]


@pytest.mark.parametrize("codec", CODECS)
def test_every_damaged_byte_of_a_batch_is_noticed(codec):
    batch = make_batch([Record(b"value" * 20, b"key")], codec)
    for at in [*range(0, 8), *range(32, len(batch))]:
        damaged = bytearray(batch)
        damaged[at] ^= 0x10
        with pytest.raises(Corrupt):
            read_batches(bytes(damaged), stamped=False)


def rewritten(header, body):
    """A batch whose checksum is right, whatever else is wrong."""
    checked = BATCH.pack(*header)[32:] + body
    return (32 + len(checked)).to_bytes(4, "little") + crc32c(checked).to_bytes(4, "little") + bytes(24) + checked


def test_a_body_that_is_malformed_or_too_large_is_noticed_under_a_right_checksum():
    ((header, _),) = read_batches(make_batch([Record(b"v")]), stamped=False)
    for body in (b"", b"\xc1", b"\x93\x00\xc0", b"\x92\x00\xc0", b"\x05", b"\x93\xa1x\xc0\xc0", msgpack.packb([0, None, None]) * 2):
        with pytest.raises(Corrupt):
            read_batches(rewritten(header, body), stamped=False)
    for codec in ("zstd", "lz4"):
        bomb = make_batch([Record(bytes(17 << 20))], codec)
        assert len(bomb) < 1 << 20
        with pytest.raises(Corrupt, match="larger than the limit"):
            read_batches(bomb, stamped=False)
