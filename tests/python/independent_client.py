"""A Sedge client, written from schema/PROTOCOL.md alone by one who had not seen the node: a model for clients in other languages.

It ran against a node at once; an older client from the same text then lent it its bounds on decompression and its check for gaps. What it
cannot do, or does wrong, is a fault of that text or of the node. One `Client` is one connection to one node, for one thread.
`ask` is a request and its answer; `send` and `receive` are its halves, for several requests under way. An answer that is an error is
raised as `SedgeError`. Producers that store each batch once are in independent_producer.py.
"""

import collections
import dataclasses
import json
import pathlib
import struct
import time

import lz4.frame
import msgpack
import zmq
import zstandard

VERSION = 1
MAX_FRAME_BYTES = 8 << 20
MAX_BODY_BYTES = 16 << 20  # of a batch, decompressed
CODECS = ("none", "zstd", "lz4")
AGAIN = {"disk_full", "busy", "not_leader", "not_enough_replicas", "timed_out", "shutting_down", "storage_failed"}
UNREACHABLE = "unreachable"  # no node says this: no answer came in time, and nothing is known

# size, crc, base_offset, append_time_ms, epoch, leader_crc, version, codec, flags, count, producer_id, producer_epoch, base_sequence,
# base_timestamp_ms, max_timestamp_ms
BATCH = struct.Struct("<IIQQII" "BBHIQIIQQ")
BATCH_FIELDS = ("size crc base_offset append_time_ms epoch leader_crc version codec flags count producer_id producer_epoch base_sequence "
                "base_timestamp_ms max_timestamp_ms")
Header = collections.namedtuple("Header", BATCH_FIELDS)
Batch = collections.namedtuple("Batch", "header records")


@dataclasses.dataclass
class Record:
    value: bytes | None = None
    key: bytes | None = None
    headers: list = dataclasses.field(default_factory=list)  # of (name, value): a name may come twice
    timestamp_ms: int | None = None  # None: now
    offset: int | None = None


class SedgeError(Exception):
    """An answer that is not ok. `again`: the same request may be sent once more, later."""

    def __init__(self, name, fields):
        super().__init__(f"{name}: {fields.get('message', '')}")
        self.name = name
        self.fields = fields
        self.again = name in AGAIN or name == UNREACHABLE
        self.next_offset = fields.get("next_offset")


class Corrupt(Exception):
    """Bytes that are no batch."""


def _crc_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_CRC = _crc_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def murmur2(key):
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = 0x9747B28C ^ len(key)
    whole = len(key) & ~3
    for (k,) in struct.iter_unpack("<I", key[:whole]):
        k = k * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    if key[whole:]:
        h = (h ^ int.from_bytes(key[whole:], "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def partition_of(key, partitions):
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def _compress(codec, body):
    if codec == "zstd":
        return zstandard.ZstdCompressor().compress(body)
    return lz4.frame.compress(body) if codec == "lz4" else body


def _decompress(codec, body):
    """Reads no more than one byte above the limit, whatever the frame says of its size."""
    if codec == "zstd":
        return zstandard.ZstdDecompressor(max_window_size=MAX_BODY_BYTES).stream_reader(body).read(MAX_BODY_BYTES + 1)
    return lz4.frame.LZ4FrameDecompressor().decompress(body, max_length=MAX_BODY_BYTES + 1) if codec == "lz4" else body


def make_batch(records, codec="none", producer_id=0, producer_epoch=0, base_sequence=0):
    """The bytes of one batch, to be sent."""
    now = time.time_ns() // 1_000_000
    times = [now if r.timestamp_ms is None else r.timestamp_ms for r in records]
    entries = ([at - times[0], r.key, r.value] + ([[list(h) for h in r.headers]] if r.headers else []) for at, r in zip(times, records))
    body = _compress(codec, b"".join(msgpack.packb(entry) for entry in entries))
    size = BATCH.size + len(body)
    head = BATCH.pack(size, 0, 0, 0, 0, 0, 1, CODECS.index(codec), 0, len(records), producer_id, producer_epoch, base_sequence, times[0],
                      max(times))
    checked = head[32:] + body
    return struct.pack("<II", size, crc32c(checked)) + head[8:32] + checked


def read_batches(frame, stamped=True):
    """Every batch of a body frame. `stamped`: by a leader, with offset and leader_crc."""
    batches = []
    while frame:
        if len(frame) < BATCH.size:
            raise Corrupt("no room for a header")
        header = Header(*BATCH.unpack_from(frame))
        if not BATCH.size <= header.size <= len(frame):
            raise Corrupt(f"a batch of {header.size} bytes in {len(frame)}")
        batches.append(_read_batch(header, frame[:header.size], stamped))
        frame = frame[header.size:]
    return batches


def _read_batch(header, data, stamped):
    if crc32c(data[32:]) != header.crc or (stamped and crc32c(data[8:28]) != header.leader_crc):
        raise Corrupt("checksum")
    if header.version != 1 or header.codec >= len(CODECS) or header.flags or not header.count:
        raise Corrupt("a version, codec or flag that this client does not know")
    records = []
    try:
        body = _decompress(CODECS[header.codec], data[BATCH.size:])
        if len(body) > MAX_BODY_BYTES:
            raise Corrupt("the body is larger than the limit")
        unpacker = msgpack.Unpacker(max_buffer_size=MAX_BODY_BYTES)
        unpacker.feed(body)
        for delta, key, value, *headers in unpacker:
            records.append(Record(value, key, [tuple(h) for h in headers[0]] if headers else [], header.base_timestamp_ms + delta,
                                  header.base_offset + len(records)))
    except (TypeError, ValueError, RuntimeError, EOFError, zstandard.ZstdError, msgpack.UnpackException) as error:
        raise Corrupt(f"the body is malformed: {error}") from error
    if len(records) != header.count:
        raise Corrupt(f"{len(records)} records instead of {header.count}")
    return Batch(header, records)


def load_vectors(path):
    """[(name, bytes, meaning)], {"bin": hex} made bytes."""
    def bins(value):
        return bytes.fromhex(value["bin"]) if list(value) == ["bin"] else value
    return [(v["name"], bytes.fromhex(v["hex"]), v["meaning"]) for v in json.loads(pathlib.Path(path).read_text(), object_hook=bins)]


class Client:
    def __init__(self, address="tcp://127.0.0.1:7701", timeout_s=30, context=None):
        self.timeout_s = timeout_s
        self.version = VERSION
        self._socket = (context or zmq.Context.instance()).socket(zmq.DEALER)
        for option, value in ((zmq.LINGER, 0), (zmq.MAXMSGSIZE, MAX_FRAME_BYTES + 1024), (zmq.TCP_KEEPALIVE, 1)):
            self._socket.setsockopt(option, value)
        self._socket.connect(address)
        self._last_id = 0
        self._waiting = {}  # correlation id -> frames of the answer, or None

    def close(self):
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, api, body=None, **fields):
        """Sends a request and returns its correlation id, for `receive`. A field that is None is left out."""
        self._last_id += 1
        present = {name: value for name, value in fields.items() if value is not None}
        header = msgpack.packb([self.version, api, self._last_id, present])
        self.send_frames([header] if body is None else [header, body], None if fields.get("acks") == 0 else self._last_id)
        return self._last_id

    def send_frames(self, frames, correlation_id=None):
        """A request that is made already, and what to await the answer by, if there will be one."""
        self._socket.send_multipart(frames)
        if correlation_id is not None:
            self._waiting[correlation_id] = None

    def receive(self, correlation_id, timeout_s=None):
        """(fields, body frames) of the answer to one request."""
        timeout_s = self.timeout_s if timeout_s is None else timeout_s
        deadline = time.monotonic() + timeout_s
        while self._waiting.get(correlation_id) is None:
            left_ms = max(0, int((deadline - time.monotonic()) * 1000))
            if not self._socket.poll(left_ms):
                self.forget(correlation_id)
                raise SedgeError(UNREACHABLE, {"message": f"no answer in {timeout_s} s"})
            self._take(self._socket.recv_multipart())
        error, fields, body = self._waiting.pop(correlation_id)
        if error != "ok":
            raise SedgeError(error, fields)
        return fields, body

    def forget(self, correlation_id):
        """Its answer, should it still come, is of no interest."""
        self._waiting.pop(correlation_id, None)

    def _take(self, frames):
        _, first, error, fields = msgpack.unpackb(frames[0])
        count = fields.get("count", 1) if error == "ok" else 1
        for i in range(count):
            if first + i in self._waiting:  # else an answer that was given up on
                own = dict(fields, offset=fields["offset"] + i) if count > 1 else fields
                self._waiting[first + i] = (error, own, frames[1:])

    def ask(self, api, body=None, **fields):
        return self.receive(self.send(api, body, **fields))[0]

    def hello(self):
        """Who the node is. An error if it does not speak our version."""
        answer = self.ask("hello")
        if not answer["min_version"] <= VERSION <= answer["max_version"]:
            raise SedgeError("unsupported_version", answer)
        return answer

    def metadata(self, topics=None):
        return self.ask("metadata", topics=topics)

    def create_topic(self, topic, partitions=1, replicas=1, **config):
        return self.ask("create_topic", topic=topic, partitions=partitions, replicas=replicas, config=config)["topic"]

    def alter_topic(self, topic, **config):
        return self.ask("alter_topic", topic=topic, config=config)["topic"]

    def describe_topic(self, topic):
        return self.ask("describe_topic", topic=topic)["topic"]

    def delete_topic(self, topic):
        self.ask("delete_topic", topic=topic)

    def list_offsets(self, topic, partition=0, at="end"):
        return self.ask("list_offsets", topic=topic, partition=partition, at=at)["offset"]

    def cluster_info(self):
        return self.ask("cluster_info")

    def cluster_health(self):
        return self.ask("cluster_health")

    def produce(self, topic, value=None, key=None, headers=None, partition=None, **fields):
        """One record in the plain form."""
        return self.ask("produce", topic=topic, value=value, key=key, headers=headers, partition=partition, **fields)

    def produce_batch(self, topic, partition, batch, **fields):
        return self.ask("produce", batch, topic=topic, partition=partition, **fields)

    def fetch_plain(self, topic, partition, offset, **fields):
        answer = self.ask("fetch", topic=topic, partition=partition, offset=offset, plain=True, **fields)
        return [Record(value, key, list(headers.items()), at, where) for where, at, key, value, headers in answer["records"]]

    def fetch(self, topic, partition, offset, **fields):
        """Records from `offset` on, as many as one answer has, and the offset to ask for next."""
        _, frames = self.receive(self.send("fetch", topic=topic, partition=partition, offset=offset, **fields))
        records, following = [], None
        for batch in (batch for frame in frames for batch in read_batches(frame)):
            base, end = batch.header.base_offset, batch.header.base_offset + batch.header.count
            if base != following if following is not None else not base <= offset < end:
                raise Corrupt(f"a batch at {base} does not follow")
            following = end
            records += (record for record in batch.records if record.offset >= offset)  # the first batch may begin before it
        return records, offset if following is None else following

    def consume(self, topic, partition, offset, end):
        """Every record of [offset, end)."""
        while offset < end:
            records, offset = self.fetch(topic, partition, offset, max_wait_ms=1000)
            yield from (record for record in records if record.offset < end)
