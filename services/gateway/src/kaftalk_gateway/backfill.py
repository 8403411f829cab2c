"""Read rooms' logs back into the tails of their feeds: one reader a room, for all who wait for it."""

import asyncio
from typing import Protocol

from kaftalk_gateway.feed import Feed
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_views.errors import HistoryUnavailable, Reset
from kaftalk_views.history import Missed

_GATHER_S = 0.005
_KEEP_S = 30.0


class MissedEvents(Protocol):
    """Reads what a room's log holds after a position."""

    async def missed(
        self, room: RoomId, viewer: UserId | None, position: tuple[int, int], head: int | None = None
    ) -> Missed:
        """Give the raw events of `(position, head]`; `viewer` None cuts nothing."""


class Backfill:
    """Extends tails backward."""

    def __init__(self, missed: MissedEvents) -> None:
        self._missed = missed
        self._wanted: dict[RoomId, list[int]] = {}
        self._reading: dict[RoomId, asyncio.Task[None]] = {}

    async def extend(self, feed: Feed, position: int) -> None:
        """Read a room's log back to `position` into its tail, together with all who wait for the same room.

        Raises Reset, ViewUnavailable, RedisError.
        """
        if feed.last is not None and position < feed.tail_after and feed.room in self._reading:
            self._wanted.setdefault(feed.room, []).append(position)
            await asyncio.wait([self._reading[feed.room]])
            return
        self._wanted[feed.room] = [position]
        task = self._reading[feed.room] = asyncio.create_task(self._read(feed))
        try:
            await task
        finally:
            self._reading.pop(feed.room, None)

    async def _read(self, feed: Feed) -> None:
        await asyncio.sleep(_GATHER_S)
        wanted = self._wanted.pop(feed.room, [])
        first, own = min(wanted), wanted[0]
        try:
            await self._read_back(feed, first)
        except Reset:
            # What one client asks for must not reset another's room.
            if own == first:
                raise
            await self._read_back(feed, own)

    async def _read_back(self, feed: Feed, after: int) -> None:
        upto = feed.tail_after
        missed = await self._missed.missed(feed.room, None, (feed.epoch, after), upto)
        if missed.to < upto:
            raise HistoryUnavailable(feed.room)
        if upto == feed.tail_after:
            feed.extend_back(missed.events, after, asyncio.get_running_loop().time() + _KEEP_S)
