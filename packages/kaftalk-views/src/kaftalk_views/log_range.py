"""Reading stretches of a room's log by seq."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from typing import Protocol

from kaftalk_protocol.topics import Placement
from kaftalk_roomlog.errors import OutOfRange, ReadError
from kaftalk_roomlog.records import LogRecord
from kaftalk_views.errors import HistoryUnavailable

CHUNK_RECORDS = 2_000
CHUNK_BYTES = 1 << 20


class LogRange(Protocol):
    """What the views need of a log: random access (`kaftalk_roomlog.ranges.RoomLogRange`)."""

    async def read(self, topic: str, start: int, stop: int, *, bytes_max: int = CHUNK_BYTES) -> list[LogRecord]:
        """Return the records of `[start, stop)`; fewer only at `bytes_max`. Raises OutOfRange and other ReadErrors."""

    async def end_offsets(self, topics: Collection[str]) -> dict[str, int]:
        """Return the end offsets of several topics. Raises ReadError."""

    async def offsets_at(self, times_ms: Mapping[str, int]) -> dict[str, int | None]:
        """Return each topic's first offset that is not older than its time; None if all are. Raises ReadError."""


async def chunks(
    log: LogRange, placement: Placement, first: int, last: int, *, window: int = CHUNK_RECORDS
) -> AsyncIterator[list[LogRecord]]:
    """Yield the records of the seqs `[first, last]` in order, at most `window` in the first chunk, then more.

    Raises OutOfRange if the log does not hold them all, HistoryUnavailable if it cannot be read now.
    """
    start, stop = placement.offset(first), placement.offset(last) + 1
    while start < stop:
        until = min(start + window, stop)
        try:
            records = await log.read(placement.topic, start, until, bytes_max=CHUNK_BYTES)
        except OutOfRange:
            raise
        except ReadError as error:
            raise HistoryUnavailable(placement.room) from error
        if not records:
            raise HistoryUnavailable(placement.room)
        yield records
        start, window = records[-1].offset + 1, min(2 * window, CHUNK_RECORDS)


async def stretch(log: LogRange, placement: Placement, first: int, last: int) -> list[LogRecord]:
    """Read the records of the seqs `[first, last]`, all of them.

    Raises OutOfRange, HistoryUnavailable.
    """
    return [record async for chunk in chunks(log, placement, first, last) for record in chunk]


async def end_seq(log: LogRange, placement: Placement) -> int:
    """Give the seq that the next record gets.

    Raises HistoryUnavailable.
    """
    try:
        return placement.seq((await log.end_offsets([placement.topic]))[placement.topic])
    except ReadError as error:
        raise HistoryUnavailable(placement.room) from error
