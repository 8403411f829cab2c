"""Snapshots of room states: the newest per room, in a compacted topic that is sharded like the rooms."""

from collections.abc import AsyncIterator

from kaftalk_roomlog.ranges import RoomLogRange
from kaftalk_roomlog.records import LogRecord
from kaftalk_roomlog.shards import shard_of
from kaftalk_roomlog.writer import RoomLogWriter
from kaftalk_runtime.kafka import Kafka

SNAPSHOT_BYTES_MAX = (8 << 20) - 1024
READ_BYTES = 8 << 20
PENDING_MAX = 1_000
PENDING_BYTES_MAX = 64 << 20


class SnapshotLog:
    """Reads and writes snapshots; its writer is its own, so that a large snapshot never stands before a message."""

    def __init__(self, kafka: Kafka, topic: str, *, shards: int) -> None:
        self._topic = topic
        self._shards = shards
        self._ranges = RoomLogRange(kafka, connections=2)
        self._writer = RoomLogWriter(
            kafka,
            producers=1,
            pending_max=PENDING_MAX,
            pending_bytes_max=PENDING_BYTES_MAX,
            record_bytes_max=SNAPSHOT_BYTES_MAX,
        )

    async def start(self) -> None:
        """Connect.

        Raises:
            KafkaUnreachable: no broker answered.
        """
        await self._ranges.start()
        await self._writer.start()

    async def stop(self) -> None:
        """Write what is pending and close."""
        await self._writer.stop()
        await self._ranges.stop()

    async def write(self, room_id: str, value: bytes | None) -> None:
        """Replace a room's snapshot; None takes it away.

        Raises:
            AppendUnknown, AppendRefused
        """
        partition = shard_of(room_id, self._shards)
        await self._writer.append(self._topic, value, key=room_id.encode(), partition=partition)

    async def read_shard(self, shard: int) -> dict[str, bytes]:
        """Return the snapshots of a shard by room id.

        Raises:
            UnknownTopic, LogCorrupt, LogUnavailable
        """
        newest: dict[str, bytes] = {}
        async for record in self._records(shard):
            room_id = (record.key or b"").decode()
            if record.deleted:
                newest.pop(room_id, None)
            else:
                newest[room_id] = record.value
        return newest

    async def _records(self, shard: int) -> AsyncIterator[LogRecord]:
        position, end = await self._ranges.bounds(self._topic, partition=shard)
        while position < end:
            records = await self._ranges.read(self._topic, position, end, partition=shard, bytes_max=READ_BYTES)
            for record in records:
                yield record
            position = records[-1].offset + 1 if records else end
