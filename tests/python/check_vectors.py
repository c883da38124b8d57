"""The vectors of schema/vectors, read by nothing of ours: written from PROTOCOL.md with other people's msgpack and codecs."""

import json
import struct
import sys
from pathlib import Path

import lz4.frame
import msgpack
import zstandard

VECTORS = Path(__file__).resolve().parents[2] / "schema" / "vectors"
CODECS = {0: "none", 1: "zstd", 2: "lz4"}
HEADER = struct.Struct("<II QQII BBHI QII QQ")
MAX_BODY = 16 << 20


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def murmur2(key):
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = 0x9747B28C ^ len(key)
    whole = len(key) // 4 * 4
    for (k,) in struct.iter_unpack("<I", key[:whole]):
        k = k * m & mask
        k = (k ^ k >> 24) * m & mask
        h = h * m & mask ^ k
    if whole < len(key):
        h = (h ^ int.from_bytes(key[whole:], "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def readable(value):
    """JSON has no bytes: they stand as {"bin": hex}."""
    if isinstance(value, bytes):
        return {"bin": value.hex()}
    if isinstance(value, list):
        return [readable(item) for item in value]
    if isinstance(value, dict):
        return {key: readable(item) for key, item in value.items()}
    return value


def body_of(codec, data):
    if codec == 1:
        return zstandard.ZstdDecompressor().decompress(data, max_output_size=MAX_BODY)
    return lz4.frame.decompress(data) if codec == 2 else data


def read_batch(batch):
    (size, crc, base_offset, append_time_ms, epoch, leader_crc, version, codec, flags, count, producer_id, producer_epoch,
     base_sequence, base_timestamp_ms, max_timestamp_ms) = HEADER.unpack_from(batch)
    assert (size, version, flags) == (len(batch), 1, 0)
    assert crc == crc32c(batch[32:])
    assert leader_crc == (crc32c(batch[8:28]) if append_time_ms else 0)
    records = []
    unpacker = msgpack.Unpacker()
    unpacker.feed(body_of(codec, batch[HEADER.size:]))
    for place, (delta, key, value, *rest) in enumerate(unpacker):
        records.append({"offset": base_offset + place, "timestamp_ms": base_timestamp_ms + delta, "key": readable(key),
                        "value": readable(value), "headers": readable(rest[0]) if rest else []})
    assert len(records) == count
    return {"size": size, "crc": crc, "base_offset": base_offset, "append_time_ms": append_time_ms, "epoch": epoch,
            "codec": CODECS[codec], "count": count, "producer_id": producer_id, "producer_epoch": producer_epoch,
            "base_sequence": base_sequence, "base_timestamp_ms": base_timestamp_ms, "max_timestamp_ms": max_timestamp_ms,
            "records": records}


def key_hash(key):
    value = murmur2(key)
    return {"murmur2": value, "partition_of": {str(n): (value & 0x7FFFFFFF) % n for n in (1, 3, 12, 1000)}}


def message(frame):
    return readable(msgpack.unpackb(frame))


def main():
    readers = {"batches": read_batch, "requests": message, "responses": message, "key_hash": key_hash,
               "crc32c": lambda data: {"crc32c": crc32c(data)}}
    checked = wrong = 0
    for name, read in readers.items():
        for vector in json.loads((VECTORS / f"{name}.json").read_text()):
            checked += 1
            meaning = read(bytes.fromhex(vector["hex"]))
            if meaning != vector["meaning"]:
                wrong += 1
                print(f"{name}: {vector['name']}:\n  the vector says {vector['meaning']}\n  but it means    {meaning}")
    print(f"{checked} vectors, {wrong} wrong")
    sys.exit(1 if wrong or checked == 0 else 0)


main()
