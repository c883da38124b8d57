"""Record batches as PROTOCOL.md describes them, written from the description alone."""

import struct

import msgpack


def _crc32c_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


TABLE = _crc32c_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def batch(values, keys=None, producer_id=0, producer_epoch=0, sequence=0, timestamp_ms=1_700_000_000_000, codec=0, body=None):
    """A batch that a client may send: the fields of the leader are zero. `body` replaces the records as they would be packed."""
    keys = keys or [None] * len(values)
    if body is None:
        body = b"".join(msgpack.packb([0, key, value], use_bin_type=True) for key, value in zip(keys, values))
    checked = struct.pack("<BBHIQIIQQ", 1, codec, 0, len(values), producer_id, producer_epoch, sequence, timestamp_ms,
                          timestamp_ms) + body
    size = 32 + len(checked)
    return struct.pack("<IIQQII", size, crc32c(checked), 0, 0, 0, 0) + checked
