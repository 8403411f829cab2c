"""Reads what a stampede releases a few seconds ahead: 2,500 rooms take seconds, and the first users have two.

Cursors are as of then: what somebody reads in the last seconds of a hold that ends for hundreds may be counted still.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from itertools import chain

from kaftalk_dnd_batch.owned_users import OwnedUsers
from kaftalk_dnd_batch.room_batches import RoomBatches
from kaftalk_protocol.ids import UserId
from kaftalk_runtime.clock import Clock
from kaftalk_runtime.logs import get_logger
from kaftalk_runtime.redis_client import RedisError
from kaftalk_views.errors import ViewUnavailable
from kaftalk_views.room_views import RoomViews

EVERY_S = 3.0
AHEAD_MS = 12_000
STAMPEDE_USERS = 500
A_ROUND = 250
PAUSE_S = 0.01

_log = get_logger(__name__)


class Warmth:
    """Looks every 3 s who is released within the next 12."""

    def __init__(self, owned: OwnedUsers, views: RoomViews, batches: RoomBatches, clock: Clock) -> None:
        self._owned = owned
        self._views = views
        self._batches = batches
        self._clock = clock

    async def run(self) -> None:
        """Look, for ever."""
        while True:
            for start_ms, users in self._stampedes().items():
                try:
                    await self._warm(users, start_ms)
                except (RedisError, ViewUnavailable) as error:
                    _log.info("not_read_ahead", users=len(users), error=repr(error))
            await asyncio.sleep(EVERY_S)

    def _stampedes(self) -> Mapping[int, list[UserId]]:
        """Give who is released soon, by the start of the hold, where they are hundreds."""
        now_ms = self._clock.now_ms()
        by_start: defaultdict[int, list[UserId]] = defaultdict(list)
        for user in self._owned:
            hold = user.quiet.hold
            if hold is not None and hold.deliver == "hold" and now_ms < hold.end_ms <= now_ms + AHEAD_MS:
                by_start[hold.start_ms].append(user.id)
        return {start_ms: users for start_ms, users in by_start.items() if len(users) >= STAMPEDE_USERS}

    async def _warm(self, users: list[UserId], start_ms: int) -> None:
        for at in range(0, len(users), A_ROUND):
            rooms_of = await self._views.rooms_of_many(users[at : at + A_ROUND])
            await self._batches.warm(set(chain.from_iterable(rooms_of.values())), start_ms)
            await asyncio.sleep(PAUSE_S)
