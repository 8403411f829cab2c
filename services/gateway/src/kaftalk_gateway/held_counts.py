"""`held` frames: how much quiet hours hold back, counted a room for all whom it is held for, at most once a second."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Protocol

from kaftalk_gateway.connection import Connection, Member
from kaftalk_gateway.hub import Hub
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_protocol.quiet_state import HoldPlan
from kaftalk_protocol.server_frames import Held, HeldCount
from kaftalk_runtime.redis_client import RedisError
from kaftalk_views import held_counts as views
from kaftalk_views.errors import ViewUnavailable

EVERY_S = 1.0
_FIRST_TIMEOUT_S = 2.0
_AT_ONCE = 16
_NOTHING = HeldCount(count=0, mentions=0)
NOTHING_HELD = Held(rooms={}, total=0).encode()


class Counts(Protocol):
    """Counts what is held; all raise ViewUnavailable or RedisError."""

    async def floors(self, rooms: Iterable[RoomId], start_ms: int) -> dict[RoomId, int]:
        """Give the last shown events before a hold."""

    async def counts(self, room: RoomId, bounds: Mapping[UserId, int]) -> dict[UserId, views.HeldCount]:
        """Count for many members what others said above each one's bound and what she has read."""

    async def counts_of(self, user: UserId, bounds: Mapping[RoomId, int]) -> dict[RoomId, views.HeldCount]:
        """Count for one user in many rooms."""


class HeldCounts:
    """Counts rooms in which something changed, and tells those for whom it changed the count."""

    def __init__(self, hub: Hub, ranges: Counts) -> None:
        self._hub = hub
        self._ranges = ranges
        self._changed: set[RoomId] = set()

    def note(self, room: RoomId) -> None:
        """Count a room anew, soon."""
        self._changed.add(room)

    async def first(self, user: UserId, rooms: Iterable[RoomId], plan: HoldPlan) -> dict[RoomId, HeldCount]:
        """Count all rooms of one who comes in a hold; what cannot be told now is told later."""
        try:
            async with asyncio.timeout(_FIRST_TIMEOUT_S):
                floors = await self._ranges.floors(rooms, plan.start_ms)
                found = await self._ranges.counts_of(user, floors)
        except (RedisError, ViewUnavailable, TimeoutError):
            return {}
        return {room: _told(count) for room, count in found.items() if count.count}

    def tell_all(self, connection: Connection) -> None:
        """Send what is held to a connection that comes."""
        counts = connection.admitted.quiet.counts
        connection.write(Held(rooms=counts, total=_total(counts)).encode())

    async def count_forever(self) -> None:
        """Count what changed, then rest for the remainder of a second."""
        clock = asyncio.get_running_loop().time
        while True:
            started = clock()
            await self.count()
            await asyncio.sleep(max(EVERY_S / 2, started + EVERY_S - clock()))

    async def count(self) -> None:
        """Count the rooms that changed and tell who has other counts now, in one frame each."""
        rooms, self._changed = list(self._changed), set()
        told: dict[Member, dict[RoomId, HeldCount]] = {}
        for at in range(0, len(rooms), _AT_ONCE):
            some = rooms[at : at + _AT_ONCE]
            for room, found in zip(some, await asyncio.gather(*map(self._count, some)), strict=True):
                self._compare(room, found, told)
        for member, changed in told.items():
            member.write(Held(rooms=changed, total=_total(member.quiet.counts)).encode())

    async def _count(self, room: RoomId) -> dict[UserId, views.HeldCount]:
        feed = self._hub.feeds.get(room)
        if feed is None or feed.holds is None:
            return {}
        try:
            return await self._ranges.counts(room, {user: hold.floor for user, hold in feed.holds.held.items()})
        except (RedisError, ViewUnavailable):
            self._changed.add(room)
            return {}

    def _compare(
        self, room: RoomId, found: dict[UserId, views.HeldCount], told: dict[Member, dict[RoomId, HeldCount]]
    ) -> None:
        feed = self._hub.feeds.get(room)
        if feed is None or feed.holds is None:
            return
        for user, count in found.items():
            member, now = feed.users.get(user), _told(count)
            if member is None or user not in feed.holds.held or now == member.quiet.counts.get(room, _NOTHING):
                continue
            member.quiet.counts.pop(room, None)
            if now.count:
                member.quiet.counts[room] = now
            told.setdefault(member, {})[room] = now


def _told(count: views.HeldCount) -> HeldCount:
    return HeldCount(count=count.count, mentions=count.mentions)


def _total(counts: Mapping[RoomId, HeldCount]) -> int:
    return sum(count.count for count in counts.values())
