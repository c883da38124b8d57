"""A Sedge client, written from schema/PROTOCOL.md: a model for clients in other languages.

One `Client` is one DEALER socket to one node; use it from one thread. `ask` is a request and its answer; `send` and `receive`
are its halves, for several requests under way. An error of the node is raised as `SedgeError`, whose `name` is that of section 7.
"""
import os
import struct
import time
from collections import deque
from dataclasses import dataclass, field

import lz4.frame
import msgpack
import zmq
import zstandard

VERSIONS = (1, 1)  # the lowest and highest that this client speaks
FRAME_BYTES = 8 << 20
DECOMPRESSED_BYTES = 16 << 20
SEQUENCES = 1 << 31
BATCHES_IN_FLIGHT = 5  # of an idempotent producer, per partition
CODECS = {"none": 0, "zstd": 1, "lz4": 2}
AGAIN = {"disk_full", "busy", "not_leader", "not_enough_replicas", "timed_out", "shutting_down", "storage_failed"}


class SedgeError(Exception):
    """What a node answered instead of "ok"; `fields` has what else it said."""

    def __init__(self, name, fields):
        super().__init__(f"{name}: {fields.get('message', '')}")
        self.name, self.fields = name, fields
        self.next_offset = fields.get("next_offset")
        self.again = name in AGAIN


class NoAnswer(Exception):
    """None came in time. Whether the request was carried out is not known."""


class CorruptBatch(Exception):
    """A fetched batch is damaged or malformed."""


# --- checksums and hashes (sections 5 and 6) ---

def _crc_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_CRC_TABLE = _crc_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def murmur2(key):
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = 0x9747B28C ^ len(key)
    whole = len(key) & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(key[at:at + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = h * m & mask ^ k
    if whole < len(key):
        h = (h ^ int.from_bytes(key[whole:], "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def partition_of_key(key, partitions):
    return (murmur2(key) & 0x7FFFFFFF) % partitions


# --- batches (section 5) ---

@dataclass
class Record:
    value: bytes | None = None
    key: bytes | None = None
    headers: list = field(default_factory=list)  # of (name, value)
    timestamp_ms: int | None = None
    offset: int | None = None


# size, crc | base_offset, append_time_ms, epoch, leader_crc | version .. max_timestamp_ms
_HEADER = struct.Struct("<II QQII BBHIQIIQQ")


@dataclass
class Batch:
    base_offset: int
    append_time_ms: int
    epoch: int
    leader_crc: int
    codec: int
    count: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    base_timestamp_ms: int
    max_timestamp_ms: int
    records: list

    @property
    def end_offset(self):
        return self.base_offset + self.count


def pack_batch(records, codec="none", producer_id=0, producer_epoch=0, base_sequence=0):
    """The bytes to send for these records; a record without a timestamp gets the time of now."""
    now = int(time.time() * 1000)
    times = [now if record.timestamp_ms is None else record.timestamp_ms for record in records]
    body = bytearray()
    for record, at in zip(records, times):
        fields = [at - times[0], record.key, record.value]
        if record.headers:
            fields.append([[name, value] for name, value in record.headers])
        body += msgpack.packb(fields)
    if codec == "zstd":
        body = zstandard.ZstdCompressor().compress(bytes(body))
    elif codec == "lz4":
        body = lz4.frame.compress(bytes(body))
    batch = bytearray(_HEADER.pack(_HEADER.size + len(body), 0, 0, 0, 0, 0, 1, CODECS[codec], 0, len(records), producer_id,
                                   producer_epoch, base_sequence, times[0], max(times))) + body
    struct.pack_into("<I", batch, 4, crc32c(memoryview(batch)[32:]))
    return bytes(batch)


def _decompressed(codec, body):
    """Reads no more than one byte above the limit, whatever the input claims."""
    try:
        if codec == CODECS["zstd"]:
            body = zstandard.ZstdDecompressor().stream_reader(body).read(DECOMPRESSED_BYTES + 1)
        elif codec == CODECS["lz4"]:
            body = lz4.frame.LZ4FrameDecompressor().decompress(body, max_length=DECOMPRESSED_BYTES + 1)
    except (zstandard.ZstdError, RuntimeError, EOFError) as error:
        raise CorruptBatch(f"the body does not decompress: {error}") from error
    if len(body) > DECOMPRESSED_BYTES:
        raise CorruptBatch("the body is larger than the limit")
    return body


def unpack_batch(data, at=0, stamped=True):
    """Checks and reads the batch at `at`: (Batch, where the next one begins). `stamped`: it comes from a node."""
    if len(data) - at < _HEADER.size:
        raise CorruptBatch("shorter than a header")
    size, crc, *leader, version, codec, flags, count = _HEADER.unpack_from(data, at)[:10]
    producer = _HEADER.unpack_from(data, at)[10:]
    if not _HEADER.size <= size <= len(data) - at:
        raise CorruptBatch("cut short")
    if crc32c(memoryview(data)[at + 32:at + size]) != crc:
        raise CorruptBatch("crc does not match")
    if stamped and crc32c(memoryview(data)[at + 8:at + 28]) != leader[3]:
        raise CorruptBatch("leader_crc does not match")
    if version != 1 or codec not in CODECS.values() or flags != 0 or count == 0:
        raise CorruptBatch("a version, codec or flag that this client does not know")
    batch = Batch(*leader, codec, count, *producer, records=[])
    unpacker = msgpack.Unpacker(strict_map_key=False)
    unpacker.feed(_decompressed(codec, bytes(data[at + _HEADER.size:at + size])))
    try:
        for delta, key, value, *headers in unpacker:
            batch.records.append(Record(value, key, [tuple(header) for header in headers[0]] if headers else [],
                                        batch.base_timestamp_ms + delta, batch.base_offset + len(batch.records)))
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise CorruptBatch(f"a record is malformed: {error}") from error
    if len(batch.records) != count:
        raise CorruptBatch("count does not match the records")
    return batch, at + size


# --- the connection (sections 2 to 4 and 8) ---

class Client:
    def __init__(self, address, timeout_s=30, context=None):
        self.timeout_s = timeout_s
        self._socket = (context or zmq.Context.instance()).socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.TCP_KEEPALIVE, 1)
        self._socket.setsockopt(zmq.MAXMSGSIZE, FRAME_BYTES + 1024)
        self._socket.connect(address)
        self._last_id = 0
        self._answers = {}  # that came while another was waited for, by correlation id
        self._given_up = set()
        self.version = VERSIONS[1]

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
        self._socket.send_multipart([header] if body is None else [header, body])
        return self._last_id

    def receive_any(self, timeout_s=None):
        """The next answer of all: (correlation id, error, fields, body frames)."""
        if not self._socket.poll(max(0, (self.timeout_s if timeout_s is None else timeout_s) * 1000)):
            raise NoAnswer()
        header, *body = self._socket.recv_multipart()
        _, correlation_id, error, fields = msgpack.unpackb(header)
        return correlation_id, error, fields, body

    def receive(self, correlation_id, timeout_s=None):
        """Waits for the answer to one request: (fields, body frames). SedgeError if it is an error."""
        deadline = time.monotonic() + (self.timeout_s if timeout_s is None else timeout_s)
        while correlation_id not in self._answers:
            try:
                came, *answer = self.receive_any(deadline - time.monotonic())
            except NoAnswer:
                self._given_up.add(correlation_id)  # should it come late, nobody will ask for it
                raise
            if came in self._given_up:
                self._given_up.discard(came)
            else:
                self._answers[came] = answer
        error, fields, body = self._answers.pop(correlation_id)
        if error != "ok":
            raise SedgeError(error, fields)
        return fields, body

    def forget(self, correlation_id):
        """The answer to this request is of no interest any more."""
        if self._answers.pop(correlation_id, None) is None:
            self._given_up.add(correlation_id)

    def ask(self, api, body=None, **fields):
        return self.receive(self.send(api, body, **fields))[0]

    def hello(self):
        """Asks who the node is, and settles on the highest version that both speak."""
        answer = self.ask("hello")
        version = min(VERSIONS[1], answer["max_version"])
        if version < max(VERSIONS[0], answer["min_version"]):
            raise SedgeError("unsupported_version", answer)
        self.version = version
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
        """Records from `offset` on, and the offset to ask for next."""
        _, frames = self.receive(self.send("fetch", topic=topic, partition=partition, offset=offset, **fields))
        records, expected = [], None
        for frame in frames:
            at = 0
            while at < len(frame):
                batch, at = unpack_batch(frame, at)
                if batch.base_offset != expected if expected is not None else not batch.base_offset <= offset < batch.end_offset:
                    raise CorruptBatch(f"a batch at {batch.base_offset} does not follow")
                expected = batch.end_offset
                # The first batch may begin before what was asked for.
                records += [record for record in batch.records if record.offset >= offset]
        return records, offset if expected is None else expected


class IdempotentProducer:
    """Stores each batch once and in order, in one partition, with up to five under way."""

    def __init__(self, client, topic, partition, attempts=20, pause_s=0.05):
        self._client, self._topic, self._partition = client, topic, partition
        self._attempts, self._pause_s = attempts, pause_s
        self._unanswered = deque()  # [batch, correlation id], oldest first
        self._begin()

    def _begin(self):
        self.producer_id = int.from_bytes(os.urandom(8), "little") or 1
        self.sequence = 0

    def send(self, records, codec="none"):
        """Sends a batch; waits for the oldest one first if five are under way. Returns the answers that this brought."""
        answers = []
        while len(self._unanswered) >= BATCHES_IN_FLIGHT:
            answers.append(self._settle_oldest())
        batch = pack_batch(records, codec, self.producer_id, 0, self.sequence)
        self.sequence = (self.sequence + len(records)) % SEQUENCES
        self._unanswered.append([batch, self._send(batch)])
        return answers

    def flush(self):
        """Waits for everything that is under way."""
        answers = []
        while self._unanswered:
            answers.append(self._settle_oldest())
        return answers

    def _send(self, batch):
        return self._client.send("produce", batch, topic=self._topic, partition=self._partition)

    def _settle_oldest(self):
        for attempt in range(self._attempts):
            try:
                answer, _ = self._client.receive(self._unanswered[0][1])
                self._unanswered.popleft()
                return answer
            except NoAnswer:
                pass
            except SedgeError as error:
                if error.name == "unknown_producer":
                    self._begin_afresh()
                elif not error.again:
                    raise  # also the oldest itself out of order: something was lost, which is not ours to repair
            time.sleep(self._pause_s * 2 ** min(attempt, 6))
            for place, entry in enumerate(self._unanswered):  # the same bytes, and all behind them, in order
                if place > 0:
                    self._client.forget(entry[1])
                entry[1] = self._send(entry[0])
        raise NoAnswer()

    def _begin_afresh(self):
        """The node has forgotten us: the unanswered batches become the first ones of a new producer."""
        self._begin()
        for entry in self._unanswered:
            batch = bytearray(entry[0])
            struct.pack_into("<Q", batch, 40, self.producer_id)
            struct.pack_into("<I", batch, 52, self.sequence)
            struct.pack_into("<I", batch, 4, crc32c(memoryview(batch)[32:]))
            entry[0] = bytes(batch)
            self.sequence = (self.sequence + struct.unpack_from("<I", batch, 36)[0]) % SEQUENCES
