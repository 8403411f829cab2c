"""Makes what a stampede releases 30 seconds ahead: 2,500 rooms take seconds, and the first users have two.

Cursors are as of then: what somebody reads in the last seconds of a hold that ends for hundreds may be counted still.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Protocol

from kaftalk_dnd_batch.maker import READ_AT_ONCE
from kaftalk_dnd_batch.owned_users import OwnedUser, OwnedUsers
from kaftalk_runtime.clock import Clock
from kaftalk_runtime.logs import get_logger
from kaftalk_runtime.redis_client import RedisError
from kaftalk_views.errors import ViewUnavailable

EVERY_S = 3.0
AHEAD_MS = 30_000
STAMPEDE_USERS = 500
PAUSE_S = 0.01

_log = get_logger(__name__)


class Maker(Protocol):
    """What makes releases."""

    async def make_ahead(self, users: Sequence[OwnedUser], start_ms: int) -> bool:
        """Make what will be released to users whose holds began together; False if there is no room for more.

        Raises RedisAway, ViewUnavailable.
        """

    def drop_old(self) -> None:
        """Forget what nobody came for."""


class Warmth:
    """Looks every 3 s who is released within the next 30."""

    def __init__(self, owned: OwnedUsers, maker: Maker, clock: Clock) -> None:
        self._owned = owned
        self._maker = maker
        self._clock = clock
        self._looked_until_ms = 0

    async def run(self) -> None:
        """Look, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """Make ahead what is released soon, each user once."""
        self._maker.drop_old()
        until_ms = self._clock.now_ms() + AHEAD_MS
        try:
            for start_ms, users in self._stampedes(until_ms).items():
                await self._make(users, start_ms)
            self._looked_until_ms = until_ms
        except (RedisError, ViewUnavailable) as error:
            _log.info("not_made_ahead", error=repr(error))

    async def _make(self, users: Sequence[OwnedUser], start_ms: int) -> None:
        for at in range(0, len(users), READ_AT_ONCE):
            if not await self._maker.make_ahead(users[at : at + READ_AT_ONCE], start_ms):
                return
            await asyncio.sleep(PAUSE_S)

    def _stampedes(self, until_ms: int) -> Mapping[int, list[OwnedUser]]:
        """Give who is released soon, by the start of the hold, where they are hundreds; whose turn is first, first."""
        after_ms = max(self._clock.now_ms(), self._looked_until_ms)
        by_start: defaultdict[int, list[OwnedUser]] = defaultdict(list)
        for user in self._owned:
            hold = user.quiet.hold
            if hold is not None and hold.deliver == "hold" and after_ms < hold.end_ms <= until_ms:
                by_start[hold.start_ms].append(user)
        return {
            start_ms: sorted(users, key=attrgetter("turn"))
            for start_ms, users in by_start.items()
            if len(users) >= STAMPEDE_USERS
        }
