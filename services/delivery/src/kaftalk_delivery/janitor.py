"""Deletes the topics of rooms that were marked deleted 24 hours ago, and those of epochs that were erased.

Nothing else is ever deleted. A deletion that the log has and `kaftalk.rooms` has not is marked here.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from kaftalk_delivery.owned_rooms import OwnedRoom, OwnedRooms
from kaftalk_protocol.topics import ROOMS, room_topic
from kaftalk_roomlog.errors import RoomLogError
from kaftalk_roomlog.snapshots import SnapshotLog
from kaftalk_roomlog.topics import Topics
from kaftalk_roomlog.writer import RoomLogWriter
from kaftalk_runtime.clock import Clock
from kaftalk_runtime.logs import get_logger
from kaftalk_runtime.redis_client import RedisError
from kaftalk_views.placements import publish
from kaftalk_views.room_views import RoomViews

KEPT_MS = 24 * 3600 * 1000
ERASED_KEPT_MS = 15 * 60 * 1000
"""Longer than what is still appended to the old topic is passed on."""
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
        views: RoomViews,
        clock: Clock,
        *,
        drop: Callable[[OwnedRoom], None],
    ) -> None:
        self._rooms = rooms
        self._topics = topics
        self._snapshots = snapshots
        self._writer = writer
        self._views = views
        self._clock = clock
        self._drop = drop

    async def run(self) -> None:
        """Clean up, for ever."""
        while True:
            await asyncio.sleep(_EVERY_S)
            await self.clean()

    async def clean(self) -> None:
        """Delete what is due now."""
        now_ms = self._clock.now_ms()
        for room in self._rooms:
            placement = room.placement
            try:
                if placement.deleted_ms is not None and placement.deleted_ms <= now_ms - KEPT_MS:
                    await self._delete(room)
                elif placement.erased_ms is not None and placement.erased_ms <= now_ms - ERASED_KEPT_MS:
                    await self._delete_erased(room)
                elif placement.status == "live" and room.state is not None and room.state.deleted:
                    await self._mark_deleted(room)
            except (RoomLogError, RedisError) as error:
                _log.warning("room_not_cleaned", room=room.id, error=repr(error))

    async def _delete(self, room: OwnedRoom) -> None:
        """The placement goes last: while it is there, the next owner tries again."""
        self._drop(room)
        await self._topics.delete_topics([room_topic(room.id, epoch) for epoch in range(room.placement.epoch + 1)])
        await self._snapshots.write(room.id, None)
        await self._views.remove(room.id)
        await self._writer.append(ROOMS, None, key=room.id.encode(), partition=room.shard)
        _log.info("room_cleaned", room=room.id)

    async def _mark_deleted(self, room: OwnedRoom) -> None:
        """Note a deletion in `kaftalk.rooms` that whoever asked for it has died over."""
        await publish(self._writer, replace(room.placement, status="deleted", deleted_ms=self._clock.now_ms()))
        _log.warning("deletion_noted", room=room.id)

    async def _delete_erased(self, room: OwnedRoom) -> None:
        """Delete the epochs before the one that holds no deleted content."""
        epochs = range(room.placement.epoch)
        await self._topics.delete_topics([room_topic(room.id, epoch) for epoch in epochs])
        await publish(self._writer, replace(room.placement, erased_ms=None))
        _log.info("erased_epochs_cleaned", room=room.id)
