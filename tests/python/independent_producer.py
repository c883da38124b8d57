"""A producer that stores each batch once and in order, whatever happens on the way: section 5 of schema/PROTOCOL.md, row by row."""

import collections
import random
import time

from independent_client import SedgeError, make_batch

MAX_UNANSWERED = 5
SEQUENCES = 1 << 31
STOPS = {"stale_producer_epoch", "out_of_order_sequence"}  # of the oldest batch


class IdempotentProducer:
    """For one partition. After an error of STOPS it is of no more use."""

    def __init__(self, client, topic, partition, attempts=20, pause_s=0.05):
        self._client, self._topic, self._partition = client, topic, partition
        self._attempts, self._pause_s = attempts, pause_s
        self._unanswered = collections.deque()  # [(records, codec), bytes, correlation id], oldest first
        self._begin_afresh()

    def send(self, records, codec="none"):
        """Sends a batch. Returns the answers that had to be awaited before there was room for it."""
        answers = [self._settle_oldest() for _ in range(len(self._unanswered) - MAX_UNANSWERED + 1)]
        self._unanswered.append([(records, codec), self._number(records, codec), None])
        self._send(self._unanswered[-1])
        return answers

    def flush(self):
        """Waits for everything that is under way."""
        return [self._settle_oldest() for _ in range(len(self._unanswered))]

    def _number(self, records, codec):
        batch = make_batch(records, codec, self.producer_id, 0, self.sequence)
        self.sequence = (self.sequence + len(records)) % SEQUENCES
        return batch

    def _send(self, entry):
        entry[2] = self._client.send("produce", entry[1], topic=self._topic, partition=self._partition)

    def _send_again(self):
        """The same bytes, in order."""
        for entry in self._unanswered:
            self._client.forget(entry[2])
            self._send(entry)

    def _begin_afresh(self):
        self.producer_id, self.sequence = random.randrange(1, 1 << 64), 0
        for entry in self._unanswered:
            entry[1] = self._number(*entry[0])
        self._send_again()

    def _settle_oldest(self):
        for attempt in range(self._attempts):
            try:
                answer, _ = self._client.receive(self._unanswered[0][2])
                self._unanswered.popleft()
                return answer
            except SedgeError as error:
                if error.name == "unknown_producer":
                    self._begin_afresh()  # nothing is unanswered before the oldest
                elif error.again:
                    time.sleep(self._pause_s * 2 ** min(attempt, 6))
                    self._send_again()
                elif error.name in STOPS:
                    raise
                else:
                    self._drop_oldest()
                    raise
        raise SedgeError("unreachable", {"message": f"gave up after {self._attempts} attempts"})

    def _drop_oldest(self):
        """It was refused for good, and so is what is behind it, for the gap: that goes anew once all of it is answered."""
        self._unanswered.popleft()
        for entry in self._unanswered:
            try:
                self._client.receive(entry[2])
            except SedgeError:
                pass  # out of order
        self._begin_afresh()
