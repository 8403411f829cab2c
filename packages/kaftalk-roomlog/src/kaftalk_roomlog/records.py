"""Records as they lie in a log, and their decoding."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords

from kaftalk_runtime import traces


class Partition(NamedTuple):
    """One partition of a topic; a room's log is partition 0."""

    topic: str
    partition: int = 0


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One stored record; `ts` is Kafka's LogAppendTime in ms. `deleted`: its value is null (a tombstone).

    `trace` is the W3C `traceparent` among its headers.
    """

    offset: int
    ts: int
    value: bytes
    key: bytes | None = None
    deleted: bool = False
    trace: bytes | None = None


class Decoded(NamedTuple):
    """The records of one answer, and the offset to go on from."""

    records: list[LogRecord]
    position: int


class Undecodable(Exception):
    """A batch failed its checksum."""


def decode(message_set: bytes, position: int) -> Decoded:
    """Decode the records at or above `position`.

    A broker answers with whole batches, so the first may begin below the position, and the last may be cut off.

    Raises:
        Undecodable: a batch failed its checksum.
    """
    try:
        return _decode(message_set, position)
    except CorruptRecordException as error:
        raise Undecodable from error


def _decode(message_set: bytes, position: int) -> Decoded:
    records: list[LogRecord] = []
    batches = MemoryRecords(message_set)
    while batches.has_next():
        batch: Any = batches.next_batch()
        if not batch.validate_crc():
            raise Undecodable
        if batch.next_offset <= position:
            continue
        if not batch.is_control_batch:
            records += [_record(raw) for raw in batch if raw.offset >= position]
        position = batch.next_offset
    return Decoded(records, position)


def _record(raw: Any) -> LogRecord:
    trace = _trace(raw.headers) if raw.headers else None
    return LogRecord(raw.offset, raw.timestamp, raw.value or b"", raw.key, raw.value is None, trace)


def _trace(headers: list[tuple[str, bytes | None]]) -> bytes | None:
    return next((value for name, value in headers if name == traces.HEADER), None)
