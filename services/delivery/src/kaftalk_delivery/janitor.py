"""Deletes the topics of rooms that were marked deleted 24 hours ago; nothing else is ever deleted."""

import asyncio
from collections.abc import Callable

from kaftalk_delivery.owned_rooms import OwnedRoom, OwnedRooms
from kaftalk_protocol.topics import ROOMS, room_topic
from kaftalk_roomlog.errors import RoomLogError
from kaftalk_roomlog.snapshots import SnapshotLog
from kaftalk_roomlog.topics import Topics
from kaftalk_roomlog.writer import RoomLogWriter
from kaftalk_runtime.clock import Clock
from kaftalk_runtime.logs import get_logger

KEPT_MS = 24 * 3600 * 1000
_EVERY_S = 60.0

_log = get_logger(__name__)


class Janitor:
    """Looks every minute. `drop` lets go of a room."""

    def __init__(
        self,
        rooms: OwnedRooms,
        topics: Topics,
        snapshots: SnapshotLog,
        writer: RoomLogWriter,
        clock: Clock,
        *,
        drop: Callable[[OwnedRoom], None],
    ) -> None:
        self._rooms = rooms
        self._topics = topics
        self._snapshots = snapshots
        self._writer = writer
        self._clock = clock
        self._drop = drop

    async def run(self) -> None:
        """Clean up, for ever."""
        while True:
            await asyncio.sleep(_EVERY_S)
            await self.clean()

    async def clean(self) -> None:
        """Delete what is due now."""
        oldest_kept_ms = self._clock.now_ms() - KEPT_MS
        for room in self._rooms:
            deleted_ms = room.placement.deleted_ms
            if room.placement.status == "deleted" and deleted_ms is not None and deleted_ms <= oldest_kept_ms:
                try:
                    await self._delete(room)
                except RoomLogError as error:
                    _log.warning("room_not_cleaned", room=room.id, error=repr(error))

    async def _delete(self, room: OwnedRoom) -> None:
        """The placement goes last: while it is there, the next owner tries again."""
        self._drop(room)
        await self._topics.delete_topics([room_topic(room.id, epoch) for epoch in range(room.placement.epoch + 1)])
        await self._snapshots.write(room.id, None)
        await self._writer.append(ROOMS, None, key=room.id.encode(), partition=room.shard)
        _log.info("room_cleaned", room=room.id)
