"""Following all of a system topic from its beginning: accounts, rooms, cursors."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from kaftalk_roomlog.errors import LogUnavailable
from kaftalk_roomlog.ranges import RoomLogRange
from kaftalk_roomlog.reader import LogBatch, LogTrouble, RoomLogReader, Trouble
from kaftalk_runtime.kafka import Kafka

log = logging.getLogger(__name__)

WAIT_MS = 500
START_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class TailRecord:
    """A record of a system topic; `value` is None where a key was taken away."""

    partition: int
    offset: int
    ts: int
    key: bytes | None
    value: bytes | None


class TailReader:
    """Reads partitions of a topic from their beginning and goes on with what comes.

    One task at a time calls `poll`, or iterates. `caught_up` is set once the caller has come back for more after all
    that was in the added partitions when they were added.
    """

    def __init__(self, kafka: Kafka, topic: str) -> None:
        self._topic = topic
        self._reader = RoomLogReader(kafka, wait_ms=WAIT_MS)
        self._ranges = RoomLogRange(kafka, connections=1)
        self._ends: dict[int, int] = {}
        self._done: dict[int, int] = {}
        self._handed_out: dict[int, int] = {}
        self._progress = asyncio.Condition()
        self.caught_up = asyncio.Event()

    async def start(self, partitions: frozenset[int] | None = None) -> None:
        """Connect and begin with these partitions; None: with all.

        Topics that were just made have leaders before their logs answer: on a cold broker that takes a while.

        Raises:
            KafkaUnreachable, UnknownTopic, LogUnavailable
        """
        await self._ranges.start()
        await self._reader.start()
        numbers = range(await self._ranges.partitions(self._topic)) if partitions is None else sorted(partitions)
        patience_ends = asyncio.get_running_loop().time() + START_PATIENCE_S
        for number in numbers:
            await self._add_until(number, patience_ends)

    async def _add_until(self, partition: int, patience_ends: float) -> None:
        while True:
            try:
                return await self.add(partition)
            except LogUnavailable:
                if asyncio.get_running_loop().time() > patience_ends:
                    raise

    async def stop(self) -> None:
        """Stop reading and close the connections."""
        await self._reader.stop()
        await self._ranges.stop()

    @property
    def healthy(self) -> bool:
        """Whether all background tasks run; False is for good."""
        return self._reader.healthy and self._ranges.healthy

    async def add(self, partition: int) -> None:
        """Read one more partition, from its beginning; nothing happens if it is read already.

        Raises:
            UnknownTopic, LogUnavailable
        """
        if partition in self._ends:
            return
        start, end = await self._ranges.bounds(self._topic, partition=partition)
        self._ends[partition] = end
        self._done[partition] = start
        self.caught_up.clear()
        self._reader.add(self._topic, start, shard=0, intake=True, partition=partition)

    def remove(self, partition: int) -> None:
        """Read a partition no more."""
        self._ends.pop(partition, None)
        self._done.pop(partition, None)
        self._reader.remove(self._topic, partition=partition)

    def has_caught_up(self, partition: int) -> bool:
        """Whether all that was in a partition when it was added has been read and worked off."""
        return partition in self._ends and self._done[partition] >= self._ends[partition]

    async def catch_up(self, timeout_s: float = 5.0) -> None:
        """Wait until the polling task has worked off all that is in the topic by now.

        Raises:
            TimeoutError, UnknownTopic, LogUnavailable
        """
        ends = await self._ranges.partition_ends(self._topic)
        async with asyncio.timeout(timeout_s), self._progress:
            await self._progress.wait_for(lambda: self._reached(ends))

    async def poll(self, timeout_s: float = 1.0) -> list[TailRecord]:
        """Return what is new as soon as something is; by coming back the caller says that it is done with the last."""
        await self._note_progress()
        records: list[TailRecord] = []
        polled = await self._reader.poll(timeout_s)
        self._handed_out = {number: self._position(number) for number in self._ends}
        for news in polled:
            if isinstance(news, LogTrouble):
                await self._begin_again(news)
            else:
                records += _tail_records(news)
        return records

    async def __aiter__(self) -> AsyncIterator[TailRecord]:
        while True:
            for record in await self.poll():
                yield record

    async def _note_progress(self) -> None:
        for partition in self._done:
            self._done[partition] = self._handed_out.get(partition, self._done[partition])
        if self._reached(self._ends):
            self.caught_up.set()
        async with self._progress:
            self._progress.notify_all()

    def _position(self, partition: int) -> int:
        return self._reader.position(self._topic, partition=partition) or 0

    def _reached(self, ends: Mapping[int, int]) -> bool:
        return all(self._done[partition] >= end for partition, end in ends.items() if partition in self._done)

    async def _begin_again(self, trouble: LogTrouble) -> None:
        """Read a partition from its beginning again: a tail repeats, and whoever reads it keeps the newest per key."""
        log.error("tail of %s/%d: %s at %d", self._topic, trouble.partition, trouble.kind, trouble.position)
        self._reader.remove(self._topic, partition=trouble.partition)
        start = max(trouble.log_start, 0) if trouble.kind is Trouble.OUT_OF_RANGE else trouble.position
        self._reader.add(self._topic, start, shard=0, intake=True, partition=trouble.partition)


def _tail_records(batch: LogBatch) -> list[TailRecord]:
    return [
        TailRecord(batch.partition, record.offset, record.ts, record.key, None if record.deleted else record.value)
        for record in batch.records
    ]
