"""The records of one partition that are not resolved yet: what is sent next, and what an answer means.

Pure: no I/O, no clock. Kafka's idempotent producer (KIP-98) numbers the records of a producer id per partition, and the
broker drops a batch that it has already. So a batch whose fate is unknown is sent again byte for byte, and nothing
behind it is sent before. A refused batch has used up no numbers, so the next one takes them (aiokafka does not give
them back, aiokafka#1017). Only when the broker's numbers are not ours any more does the partition, alone, go on under a
new producer id.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from aiokafka.record.default_records import DefaultRecordBatchBuilder

from kaftalk_roomlog.errors import AppendError, AppendRefused, AppendUnknown, Reason
from kaftalk_roomlog.records import Partition
from kaftalk_runtime import traces

RECORD_OVERHEAD_BYTES = 128
POISONED_MAX = 3


@dataclass(frozen=True, slots=True)
class Appended:
    """A stored record.

    `resent`: it was sent under two producer ids, so an earlier copy of it may be in the log, and `offset` that of the
    repeat.
    """

    offset: int
    ts: int
    resent: bool


OnResult = Callable[[Appended | AppendError], None]


class ProducerId(NamedTuple):
    """What the broker counts sequence numbers by."""

    id: int
    epoch: int


@dataclass(slots=True, eq=False)
class Pending:
    """One record until it is resolved."""

    value: bytes | None
    key: bytes | None
    on_result: OnResult
    queued_at: float
    resent: bool = False
    trace: bytes | None = None

    @property
    def size(self) -> int:
        """Upper bound of its bytes in a batch."""
        return len(self.value or b"") + len(self.key or b"") + RECORD_OVERHEAD_BYTES


class Resolution(NamedTuple):
    """What became of a record."""

    record: Pending
    result: Appended | AppendError


@dataclass(slots=True, eq=False)
class Batch:
    """Records under sequence numbers. `uncertain`: it was sent at least once and no answer says what came of it."""

    records: list[Pending]
    payload: bytes
    sealed_ms: int
    uncertain: bool = False


class Fate(Enum):
    """What a broker's answer to a batch means."""

    STORED = auto()
    AGAIN = auto()
    UNCERTAIN = auto()
    MOVED = auto()
    DUPLICATE = auto()
    POISONED = auto()
    TOO_LARGE = auto()
    REFUSED = auto()


_FATES = {
    0: Fate.STORED,
    2: Fate.AGAIN,  # CORRUPT_MESSAGE: hurt on the way
    3: Fate.MOVED,  # UNKNOWN_TOPIC_OR_PARTITION
    5: Fate.MOVED,  # LEADER_NOT_AVAILABLE
    6: Fate.MOVED,  # NOT_LEADER_OR_FOLLOWER
    7: Fate.UNCERTAIN,  # REQUEST_TIMED_OUT: written, not acknowledged by all replicas
    8: Fate.MOVED,  # BROKER_NOT_AVAILABLE
    9: Fate.MOVED,  # REPLICA_NOT_AVAILABLE
    10: Fate.TOO_LARGE,  # MESSAGE_TOO_LARGE
    13: Fate.MOVED,  # NETWORK_EXCEPTION
    18: Fate.TOO_LARGE,  # RECORD_LIST_TOO_LARGE
    19: Fate.AGAIN,  # NOT_ENOUGH_REPLICAS: not written
    20: Fate.UNCERTAIN,  # NOT_ENOUGH_REPLICAS_AFTER_APPEND
    45: Fate.POISONED,  # OUT_OF_ORDER_SEQUENCE_NUMBER
    46: Fate.DUPLICATE,  # DUPLICATE_SEQUENCE_NUMBER
    47: Fate.POISONED,  # INVALID_PRODUCER_EPOCH
    49: Fate.POISONED,  # INVALID_PRODUCER_ID_MAPPING
    56: Fate.MOVED,  # KAFKA_STORAGE_ERROR
    59: Fate.POISONED,  # UNKNOWN_PRODUCER_ID
    89: Fate.AGAIN,  # THROTTLING_QUOTA_EXCEEDED
    90: Fate.POISONED,  # PRODUCER_FENCED
}


def fate(error_code: int) -> Fate:
    """Return what an error code says of a batch; of an unknown one: refused, so that the room behind it goes on."""
    return _FATES.get(error_code, Fate.REFUSED)


class PartitionQueue:
    """One partition's records: at most one batch is sealed, the rest waits behind it."""

    __slots__ = ("_batch", "_poisoned", "_producer", "_sequence", "_singles", "_waiting", "partition")

    def __init__(self, partition: Partition) -> None:
        self.partition = partition
        self._waiting: deque[Pending] = deque()
        self._batch: Batch | None = None
        self._producer: ProducerId | None = None
        self._sequence = 0
        self._singles = 0
        self._poisoned = 0

    @property
    def empty(self) -> bool:
        """Whether nothing is unresolved."""
        return self._batch is None and not self._waiting

    @property
    def needs_producer(self) -> bool:
        """Whether the next batch starts under a new producer id."""
        return self._producer is None and self._batch is None

    def add(self, record: Pending) -> None:
        """Put a record behind all others."""
        self._waiting.append(record)

    def withdraw(self, record: Pending) -> bool:
        """Take a record back; False if it is in a batch and so may have been sent."""
        if record not in self._waiting or record.resent:
            return False
        self._waiting.remove(record)
        return True

    def seal(self, producer: ProducerId, now_ms: int, batch_bytes_max: int) -> bytes:
        """Return the bytes to send: the unresolved batch again, else a new one of what waits."""
        if self._batch is None:
            if self._producer is None:
                self._producer, self._sequence = producer, 0
            self._batch = self._build(self._producer, now_ms, batch_bytes_max)
        return self._batch.payload

    def _build(self, producer: ProducerId, now_ms: int, batch_bytes_max: int) -> Batch:
        builder = DefaultRecordBatchBuilder(
            2,
            0,
            is_transactional=0,
            producer_id=producer.id,
            producer_epoch=producer.epoch,
            base_sequence=self._sequence,
            batch_size=batch_bytes_max,
        )
        count_max = 1 if self._singles else len(self._waiting)
        records: list[Pending] = []
        while len(records) < count_max:
            record = self._waiting[0]
            headers: list[tuple[str, bytes | None]] = [(traces.HEADER, record.trace)] if record.trace else []
            if builder.append(len(records), now_ms, record.key, record.value, headers) is None:
                break
            records.append(self._waiting.popleft())
        self._singles = max(0, self._singles - 1)
        return Batch(records, bytes(builder.build()), now_ms)

    def lost_contact(self) -> None:
        """Note that the sealed batch was sent and no answer came."""
        if self._batch is not None:
            self._batch.uncertain = True

    def settle(self, outcome: Fate, base_offset: int = -1, ts: int = -1) -> list[Resolution]:
        """Take in the answer to the sealed batch; return what is resolved by it."""
        batch = self._batch
        if batch is None:
            return []
        match outcome:
            case Fate.STORED | Fate.DUPLICATE:
                return self._stored(batch, outcome, base_offset, ts)
            case Fate.POISONED:
                return self._sent_under_lost_numbers(batch)
            case Fate.TOO_LARGE:
                return self._too_large(batch)
            case Fate.REFUSED:
                return self._refused(batch, Reason.REFUSED)
            case Fate.UNCERTAIN:
                batch.uncertain = True
        return []

    def expire(self, queued_before: float, *, topic_unknown: bool) -> list[Resolution]:
        """Give up what was queued before a time and was never stored; what may be stored only if the topic is gone.

        Whatever waits behind a record that is given up goes with it: stored, it would come before the repeat.
        """
        reason = Reason.UNKNOWN_TOPIC if topic_unknown else Reason.UNAVAILABLE
        oldest = self._oldest()
        if oldest is None or oldest.queued_at >= queued_before:
            return []
        if not topic_unknown and (oldest.resent or (self._batch is not None and self._maybe_stored(self._batch))):
            return []
        resolved = self._refused(self._batch, reason) if self._batch is not None else []
        resolved += [self._give_up(record, reason, record.resent) for record in self._waiting]
        self._waiting.clear()
        return resolved

    def _oldest(self) -> Pending | None:
        if self._batch is not None:
            return self._batch.records[0]
        return self._waiting[0] if self._waiting else None

    def abandon(self) -> list[Resolution]:
        """Give up everything: the writer stops, and a sealed batch may be on its way."""
        self.lost_contact()
        resolved = self._refused(self._batch, Reason.STOPPED) if self._batch is not None else []
        resolved += [self._give_up(record, Reason.STOPPED, record.resent) for record in self._waiting]
        self._waiting.clear()
        return resolved

    def _stored(self, batch: Batch, outcome: Fate, base_offset: int, ts: int) -> list[Resolution]:
        self._batch = None
        self._poisoned = 0
        self._sequence = (self._sequence + len(batch.records)) & 0x7FFFFFFF
        if outcome is Fate.DUPLICATE or base_offset < 0:
            # Stored long ago: the broker does not know where any more, so there is no offset to report.
            self._producer = None
            return [self._give_up(record, Reason.DUPLICATE, True) for record in batch.records]
        stored_ms = ts if ts >= 0 else batch.sealed_ms
        return [
            Resolution(record, Appended(base_offset + index, stored_ms, record.resent))
            for index, record in enumerate(batch.records)
        ]

    def _sent_under_lost_numbers(self, batch: Batch) -> list[Resolution]:
        self._poisoned += 1
        if self._poisoned > POISONED_MAX:
            self._poisoned = 0
            return self._refused(batch, Reason.REFUSED, forget_numbers=True)
        self._put_back(batch)
        self._producer = None
        return []

    def _too_large(self, batch: Batch) -> list[Resolution]:
        if len(batch.records) == 1:
            return self._refused(batch, Reason.TOO_LARGE)
        # The topic's limit may be below ours: one by one, only the guilty record is refused.
        self._singles = len(batch.records)
        self._put_back(batch)
        return []

    def _refused(self, batch: Batch, reason: Reason, *, forget_numbers: bool = False) -> list[Resolution]:
        if batch.uncertain or forget_numbers:
            self._producer = None
        self._batch = None
        return [self._give_up(record, reason, batch.uncertain or record.resent) for record in batch.records]

    def _put_back(self, batch: Batch) -> None:
        for record in batch.records:
            record.resent = record.resent or batch.uncertain
        if batch.uncertain:
            self._producer = None
        self._waiting.extendleft(reversed(batch.records))
        self._batch = None

    def _give_up(self, record: Pending, reason: Reason, maybe_stored: bool) -> Resolution:
        error = AppendUnknown if maybe_stored else AppendRefused
        return Resolution(record, error(self.partition.topic, reason))

    @staticmethod
    def _maybe_stored(batch: Batch) -> bool:
        return batch.uncertain or any(record.resent for record in batch.records)
