"""Writes projections to Redis, at once or when it is back; whoever was first, a view ends as the fold of its log."""

import asyncio
from collections.abc import Callable, Iterable, Sequence

from kaftalk_delivery.owned_rooms import OwnedRoom
from kaftalk_roomlog.errors import RoomLogError
from kaftalk_runtime import metrics
from kaftalk_runtime.logs import get_logger
from kaftalk_runtime.redis_client import Redis, RedisError
from kaftalk_views.catch_up import CatchUp
from kaftalk_views.errors import ViewError
from kaftalk_views.projection import Projection
from kaftalk_views.room_views import RoomViews

_RETRY_S = 0.1
_ROOMS_A_RETRY = 200

_log = get_logger(__name__)
_unwritten = metrics.gauge("kaftalk_delivery_unwritten_rooms", "Rooms whose view waits for Redis")
_conflicts = metrics.counter("kaftalk_delivery_conflicts_total", "Projections that somebody else was ahead of")


class ViewWriter:
    """The only writer of views in this process. `lost` is told of rooms whose view is gone."""

    def __init__(self, views: RoomViews, catch_up: CatchUp, redis: Redis, *, lost: Callable[[OwnedRoom], None]) -> None:
        self._views = views
        self._catch_up = catch_up
        self._redis = redis
        self._lost = lost
        self._waiting: dict[str, OwnedRoom] = {}
        self._one_at_a_time = asyncio.Lock()

    async def write(self, folded: Iterable[tuple[OwnedRoom, Projection]]) -> None:
        """Write projections of different rooms; what Redis cannot take now is kept and written later."""
        async with self._one_at_a_time:
            fresh: list[tuple[OwnedRoom, Projection]] = []
            for room, projection in folded:
                if room.unwritten is None:
                    fresh.append((room, projection))
                else:
                    room.unwritten = room.unwritten.then(projection)
            await self._write(fresh)

    async def retry(self) -> None:
        """Write what waits whenever Redis answers, for ever."""
        while True:
            await asyncio.sleep(_RETRY_S)
            while self._waiting and not self._redis.away:
                async with self._one_at_a_time:
                    await self._write(self._take_waiting())

    async def verify(self, rooms: Sequence[OwnedRoom]) -> None:
        """Compare views with what was written: a Redis that was killed may have lost its last second.

        Raises RedisAway.
        """
        heads = await self._views.heads([room.id for room in rooms])
        for room in rooms:
            at, head = room.head, heads.get(room.id)
            if head is None:
                self.abandon(room)
            elif at is not None and at.epoch == head.epoch and head.applied_seq < at.applied_seq:
                try:
                    await self._catch_up.project_to(room.placement, at.applied_seq)
                except ViewError:
                    self.abandon(room)

    def abandon(self, room: OwnedRoom) -> None:
        """Drop what waits of a room and let it become live anew, from wherever its view stands."""
        self.forget(room)
        self._lost(room)

    def forget(self, room: OwnedRoom) -> None:
        """Drop what waits of a room: somebody else owns it now, or its view is made anew."""
        room.unwritten = None
        self._waiting.pop(room.id, None)
        _unwritten.set(len(self._waiting))

    def _take_waiting(self) -> list[tuple[OwnedRoom, Projection]]:
        taken: list[tuple[OwnedRoom, Projection]] = []
        for room in list(self._waiting.values())[:_ROOMS_A_RETRY]:
            if room.unwritten is not None:
                taken.append((room, room.unwritten))
            self.forget(room)
        return taken

    async def _write(self, batch: list[tuple[OwnedRoom, Projection]]) -> None:
        if not batch:
            return
        try:
            done = await self._views.project_many([projection for _, projection in batch])
        except RedisError:
            for room, projection in batch:
                self._keep(room, projection)
            return
        for (room, projection), written in zip(batch, done, strict=True):
            if not written:
                await self._settle(room, projection)

    def _keep(self, room: OwnedRoom, projection: Projection) -> None:
        room.unwritten = projection
        self._waiting[room.id] = room
        _unwritten.set(len(self._waiting))

    async def _settle(self, room: OwnedRoom, projection: Projection) -> None:
        """The view stood elsewhere: another is ahead, which is fine, or behind, which is computed again from there."""
        _conflicts.inc()
        try:
            head = (await self._views.heads([room.id])).get(room.id)
            if head is None:
                self.abandon(room)
            elif head.applied_seq < projection.applied_seq:
                await self._catch_up.project_to(room.placement, projection.applied_seq)
        except RedisError:
            self._keep(room, projection)
        except (ViewError, RoomLogError) as error:
            _log.warning("view_not_caught_up", room=room.id, error=repr(error))
            self.abandon(room)
