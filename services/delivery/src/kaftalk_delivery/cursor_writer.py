"""Read cursors and mutes on their way from Redis to Kafka, within seconds."""

import asyncio
from collections.abc import Callable, Collection

from kaftalk_protocol.topics import CURSORS
from kaftalk_roomlog.errors import AppendError
from kaftalk_roomlog.ranges import RoomLogRange
from kaftalk_roomlog.writer import RoomLogWriter
from kaftalk_runtime import metrics
from kaftalk_runtime.redis_client import RedisError
from kaftalk_views.cursors import CursorRecord, ReadCursors, parse

_EVERY_S = 2.0
_A_ROUND = 500
_RESTORES_AT_ONCE = 4
_READ_BYTES = 4 << 20

_written = metrics.counter("kaftalk_delivery_cursors_total", "Read cursors and mutes written to Kafka")


class CursorWriter:
    """Flushes what is marked dirty in the owned shards, and brings it back after Redis lost it."""

    def __init__(
        self, cursors: ReadCursors, writer: RoomLogWriter, ranges: RoomLogRange, owned: Callable[[], frozenset[int]]
    ) -> None:
        self._cursors = cursors
        self._writer = writer
        self._ranges = ranges
        self._owned = owned

    async def run(self) -> None:
        """Flush every 2 s, for ever."""
        while True:
            await asyncio.sleep(_EVERY_S)
            try:
                for shard in self._owned():
                    await self._flush(shard)
            except RedisError:
                continue

    async def restore(self, shards: Collection[int]) -> None:
        """Bring the cursors of shards back from Kafka; they never fall by it.

        Raises RedisAway, ReadError.
        """
        if not shards:
            return
        ends = await self._ranges.partition_ends(CURSORS)
        gate = asyncio.Semaphore(_RESTORES_AT_ONCE)

        async def one(shard: int) -> None:
            async with gate:
                await self._cursors.restore(await self._newest(shard, ends[shard]))

        await asyncio.gather(*(one(shard) for shard in shards if ends.get(shard)))

    async def _newest(self, shard: int, end: int) -> list[CursorRecord]:
        newest: dict[bytes, bytes] = {}
        position = 0
        while position < end:
            records = await self._ranges.read(CURSORS, position, end, partition=shard, bytes_max=_READ_BYTES)
            for record in records:
                if record.deleted:
                    newest.pop(record.key or b"", None)
                else:
                    newest[record.key or b""] = record.value
            position = records[-1].offset + 1 if records else end
        return [parse(key, value) for key, value in newest.items()]

    async def _flush(self, shard: int) -> None:
        """Take what is dirty, write it, and only then forget it; what could not be written is dirty again."""
        while dirty := await self._cursors.take_dirty(shard, _A_ROUND):
            results = await asyncio.gather(*(self._append(shard, record) for record in dirty))
            failed = [record for record, stored in zip(dirty, results, strict=True) if not stored]
            _written.inc(len(dirty) - len(failed))
            if failed:
                await self._cursors.put_back(shard, failed)
                return

    async def _append(self, shard: int, record: CursorRecord) -> bool:
        try:
            await self._writer.append(CURSORS, record.value, key=record.key, partition=shard)
        except AppendError:
            return False
        return True
