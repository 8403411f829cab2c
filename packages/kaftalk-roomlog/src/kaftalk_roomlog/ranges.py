"""Random access to logs: bounds, ranges, and walks from a place backward or forward."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import NamedTuple, TypeVar

from kaftalk_roomlog.cluster import Leaders, Wire
from kaftalk_roomlog.errors import BrokerUnreachable, LogCorrupt, LogUnavailable, OutOfRange, UnknownTopic
from kaftalk_roomlog.fetch_session import NO_SESSION, SessionFetchRequest
from kaftalk_roomlog.offsets import EARLIEST, LATEST, list_offsets
from kaftalk_roomlog.records import Decoded, LogRecord, Partition, Undecodable, decode
from kaftalk_runtime.kafka import Kafka

T = TypeVar("T")

END_WAITS_MS = (100, 100, 300)
RETRY_S = 0.05
WINDOW_FIRST = 64
WINDOW_MAX = 1024
WINDOW_BYTES_GROW = 256 << 10
FETCH_BYTES_MIN = 32 << 10
FETCH_BYTES_MAX = 1 << 20
RECORD_BYTES_GUESS = 1 << 10


class Bounds(NamedTuple):
    """A log holds `[start, end)`."""

    start: int
    end: int


class _TryAgain(Exception):
    """The leader has moved or did not answer."""


class RoomLogRange:
    """Reads any part of any log, over at most `connections` connections per broker, apart from live reading.

    Every call retries for `timeout_s` and then raises LogUnavailable.
    """

    def __init__(self, kafka: Kafka, *, connections: int = 4, timeout_s: float = 5.0) -> None:
        self._wire = Wire(kafka)
        self._leaders = Leaders(self._wire)
        self._free: asyncio.LifoQueue[tuple[str, int]] = asyncio.LifoQueue()
        for number in range(connections):
            self._free.put_nowait(("range", number))
        self._timeout_s = timeout_s

    async def start(self) -> None:
        """Connect.

        Raises:
            KafkaUnreachable: no broker answered.
        """
        await self._wire.start()

    async def stop(self) -> None:
        """Close the connections."""
        await self._wire.stop()

    @property
    def healthy(self) -> bool:
        """Whether all background tasks run; False is for good."""
        return self._wire.alive

    async def bounds(self, topic: str, *, partition: int = 0) -> Bounds:
        """Return the log's start and end offset.

        Raises:
            UnknownTopic, LogUnavailable
        """
        place = Partition(topic, partition)
        start = (await self._offsets({place: EARLIEST}))[place]
        return Bounds(start, (await self._offsets({place: LATEST}))[place])

    async def end_offset(self, topic: str, *, partition: int = 0) -> int:
        """Return the offset that the next record will get.

        Raises:
            UnknownTopic, LogUnavailable
        """
        place = Partition(topic, partition)
        return (await self._offsets({place: LATEST}))[place]

    async def end_offsets(self, topics: Collection[str]) -> dict[str, int]:
        """Return the end offsets of partition 0 of several topics at once.

        Raises:
            UnknownTopic, LogUnavailable
        """
        found = await self._offsets({Partition(topic): LATEST for topic in topics})
        return {place.topic: offset for place, offset in found.items()}

    async def partition_ends(self, topic: str) -> dict[int, int]:
        """Return the end offset of each partition of a topic.

        Raises:
            UnknownTopic, LogUnavailable
        """
        count = await self.partitions(topic)
        found = await self._offsets({Partition(topic, number): LATEST for number in range(count)})
        return {place.partition: offset for place, offset in found.items()}

    async def partitions(self, topic: str) -> int:
        """Return a topic's number of partitions.

        Raises:
            UnknownTopic, LogUnavailable
        """

        async def count() -> int:
            await self._place({topic})
            return self._leaders.partitions(topic) or 0

        return await self._until_answered(topic, count)

    async def offset_at(self, topic: str, ts_ms: int, *, partition: int = 0) -> int | None:
        """Return the offset of the first record that is not older than a time; None if all are.

        Raises:
            UnknownTopic, LogUnavailable
        """
        place = Partition(topic, partition)
        offset = (await self._offsets({place: ts_ms}))[place]
        return None if offset < 0 else offset

    async def offsets_at(self, times_ms: Mapping[str, int]) -> dict[str, int | None]:
        """Return, for partition 0 of several topics at once, what `offset_at` tells of each and its time.

        Raises:
            UnknownTopic, LogUnavailable
        """
        found = await self._offsets({Partition(topic): ts_ms for topic, ts_ms in times_ms.items()})
        return {place.topic: None if offset < 0 else offset for place, offset in found.items()}

    async def read(
        self, topic: str, start: int, stop: int, *, partition: int = 0, bytes_max: int = 1 << 20
    ) -> list[LogRecord]:
        """Return the records of `[start, stop)`, in order; fewer only where `bytes_max` is reached (one at least).

        Raises:
            OutOfRange, UnknownTopic, LogCorrupt, LogUnavailable
        """
        place = Partition(topic, partition)
        records: list[LogRecord] = []
        size, position = 0, start
        while position < stop:
            fetched = await self._until_answered(topic, partial(self._fetch_some, place, position, stop))
            position = fetched.position
            for record in fetched.records:
                if record.offset >= stop or (size and size + len(record.value) > bytes_max):
                    return records
                records.append(record)
                size += len(record.value)
        return records

    async def walk_forward(self, topic: str, start: int, *, stop: int) -> AsyncIterator[list[LogRecord]]:
        """Yield the records of `[start, stop)` chunk by chunk, the chunks growing.

        Raises:
            OutOfRange, UnknownTopic, LogCorrupt, LogUnavailable
        """
        window = WINDOW_FIRST
        while start < stop:
            end = min(start + window, stop)
            chunk = await self._window(topic, start, end)
            yield chunk
            start, window = end, _grown(window, chunk)

    async def walk_back(self, topic: str, before: int, *, floor: int) -> AsyncIterator[list[LogRecord]]:
        """Yield the records of `[floor, before)` chunk by chunk, newest chunk first, each in the order of the log.

        It ends early, without an error, where the log begins.

        Raises:
            OutOfRange: `before` is above the end.
            UnknownTopic, LogCorrupt, LogUnavailable
        """
        window = WINDOW_FIRST
        while before > floor:
            start = max(before - window, floor)
            try:
                chunk = await self._window(topic, start, before)
            except OutOfRange as error:
                if not start < error.start < before:
                    if before <= error.start:
                        return
                    raise
                floor = start = error.start
                chunk = await self._window(topic, start, before)
            yield chunk
            before, window = start, _grown(window, chunk)

    async def _window(self, topic: str, start: int, stop: int) -> list[LogRecord]:
        return await self.read(topic, start, stop, bytes_max=WINDOW_MAX << 20)

    async def _fetch_some(self, place: Partition, position: int, stop: int) -> Decoded:
        """Fetch until something is past `position`; what is at the end may take a moment to be replicated."""
        bytes_max = min(FETCH_BYTES_MAX, FETCH_BYTES_MIN + RECORD_BYTES_GUESS * (stop - position))
        for wait_ms in (0, *END_WAITS_MS):
            fetched = await self._fetch(place, position, bytes_max, wait_ms)
            if fetched.position > position:
                return fetched
        raise OutOfRange(place.topic, *await self.bounds(place.topic, partition=place.partition))

    async def _fetch(self, place: Partition, position: int, bytes_max: int, wait_ms: int) -> Decoded:
        await self._place({place.topic})
        node = self._leaders.of(place)
        if node is None:
            raise _TryAgain
        request = SessionFetchRequest(NO_SESSION, [(place, position, bytes_max)], wait_ms=wait_ms)
        async with self._connection() as group:
            answer = await self._wire.ask(node, request, group=group)
        if answer.error_code or not answer.topics:
            raise _TryAgain
        _, error_code, *_, message_set = answer.topics[0][1][0]
        await self._check(place, error_code)
        try:
            return decode(message_set or b"", position)
        except Undecodable as error:
            raise LogCorrupt(place.topic) from error

    async def _check(self, place: Partition, error_code: int) -> None:
        match error_code:
            case 0:
                return
            case 1:  # OFFSET_OUT_OF_RANGE
                raise OutOfRange(place.topic, *await self.bounds(place.topic, partition=place.partition))
            case 2:  # CORRUPT_MESSAGE
                raise LogCorrupt(place.topic)
        self._leaders.forget([place.topic])
        raise _TryAgain

    async def _offsets(self, wanted: dict[Partition, int]) -> dict[Partition, int]:
        found: dict[Partition, int] = {}

        async def ask() -> None:
            missing = {place: ts_ms for place, ts_ms in wanted.items() if place not in found}
            await self._place({place.topic for place in missing})
            async with self._connection() as group:
                found.update(await list_offsets(self._wire, self._leaders, missing, group=group))
            if len(found) < len(wanted):
                raise _TryAgain

        if wanted:
            await self._until_answered(next(iter(wanted)).topic, ask)
        return found

    async def _place(self, topics: Collection[str]) -> None:
        missing = [topic for topic in topics if self._leaders.partitions(topic) is None]
        for unknown in await self._leaders.refresh(missing):
            raise UnknownTopic(unknown)

    async def _until_answered(self, topic: str, attempt: Callable[[], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(self._timeout_s):
                while True:
                    try:
                        return await attempt()
                    except (BrokerUnreachable, _TryAgain):
                        self._leaders.forget([topic])
                        await asyncio.sleep(RETRY_S)
        except TimeoutError as error:
            raise LogUnavailable(topic) from error

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[tuple[str, int]]:
        group = await self._free.get()
        try:
            yield group
        finally:
            self._free.put_nowait(group)


def _grown(window: int, chunk: list[LogRecord]) -> int:
    size = sum(len(record.value) for record in chunk)
    return min(2 * window, WINDOW_MAX) if size < WINDOW_BYTES_GROW else window
