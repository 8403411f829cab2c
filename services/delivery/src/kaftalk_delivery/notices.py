"""What links need to ask Redis: where a new member is online, and how large rooms are."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence

from kaftalk_protocol import redis_keys
from kaftalk_protocol.deliveries import Joined
from kaftalk_protocol.ids import RoomId
from kaftalk_runtime.clock import Clock
from kaftalk_runtime.redis_client import Redis, RedisError
from kaftalk_views.errors import ViewUnknown
from kaftalk_views.room_views import RoomViews

QUEUED_MAX = 10_000

TellGateway = Callable[[str, str], None]


class Notices:
    """Tells the gateways of new members of their new room; what is lost here, gateways find by themselves."""

    def __init__(self, redis: Redis, views: RoomViews, clock: Clock) -> None:
        self._redis = redis
        self._views = views
        self._clock = clock
        self._queued: asyncio.Queue[Sequence[Joined] | RoomId] = asyncio.Queue(QUEUED_MAX)

    def joined(self, joined: Sequence[Joined]) -> None:
        """Queue notices; dropped when too many wait."""
        if not self._queued.full():
            self._queued.put_nowait(joined)

    def new_room(self, room: RoomId) -> None:
        """Queue notices for all members of a room that was just made."""
        if not self._queued.full():
            self._queued.put_nowait(room)

    async def run(self, tell: TellGateway) -> None:
        """Send what is queued to the gateways where its user is online, for ever."""
        while True:
            queued = await self._queued.get()
            try:
                joined = await self._members(queued) if isinstance(queued, str) else queued
                await self._tell(joined, tell)
            except (RedisError, ViewUnknown):
                continue

    async def _members(self, room: RoomId) -> Sequence[Joined]:
        members = await self._views.members(room)
        return [Joined(room=room, user=user, seq=member.joined_seq) for user, member in members.items()]

    async def _tell(self, joined: Sequence[Joined], tell: TellGateway) -> None:
        now = str(self._clock.now_ms())
        found = await self._redis.many(
            [("ZRANGEBYSCORE", redis_keys.online(notice.user), now, "+inf") for notice in joined]
        )
        for notice, gateways in zip(joined, found, strict=True):
            for gateway in gateways if isinstance(gateways, list) else ():
                tell(gateway, notice.encode())

    async def member_counts(self, rooms: Collection[RoomId]) -> Mapping[RoomId, int]:
        """Tell how many members rooms have; rooms of which Redis does not say it now are missing."""
        if not rooms:
            return {}
        asked = list(rooms)
        try:
            counts = await self._redis.many([("HGET", redis_keys.room(room), "member_count") for room in asked])
        except RedisError:
            return {}
        return {room: int(count) for room, count in zip(asked, counts, strict=True) if isinstance(count, str)}
