"""Notices that Redis lost the views, and has them made again."""

import asyncio
from collections.abc import Callable

from kaftalk_delivery.cursor_writer import CursorWriter
from kaftalk_delivery.owned_rooms import OwnedRooms
from kaftalk_delivery.view_writer import ViewWriter
from kaftalk_protocol.redis_keys import VIEW_SHARDS
from kaftalk_roomlog.errors import RoomLogError
from kaftalk_runtime.logs import get_logger
from kaftalk_runtime.redis_client import Redis, RedisError
from kaftalk_views import generation

_EVERY_S = 1.0
_RECENT_S = 120.0
_UNMADE_EVERY_S = 0.1
_PATIENCE_S = 60.0

_log = get_logger(__name__)


class Generations:
    """Reads `view:generation` every second: gone or changed means that all views of our rooms are to be made again.

    When all of a shard are made it is marked so; before, a missing room proves nothing to whoever lists rooms. `made`
    gives the shards of which every room is live.
    """

    def __init__(
        self,
        redis: Redis,
        rooms: OwnedRooms,
        writer: ViewWriter,
        cursors: CursorWriter,
        *,
        owned: Callable[[], frozenset[int]],
        made: Callable[[], frozenset[int]],
    ) -> None:
        self._redis = redis
        self._rooms = rooms
        self._writer = writer
        self._cursors = cursors
        self._owned = owned
        self._made = made
        self._known: str | None = None
        self._marked: frozenset[int] = frozenset()
        self._since_s = 0.0
        self._server: str | None = None

    async def run(self) -> None:
        """Watch, for ever; more closely while shards are not made."""
        while True:
            try:
                await self._look()
            except (RedisError, RoomLogError) as error:
                _log.info("generation_not_read", error=repr(error))
            await asyncio.sleep(_EVERY_S if self._marked == self._owned() else _UNMADE_EVERY_S)

    async def _look(self) -> None:
        found = await generation.current(self._redis)
        if found is None:
            found = await generation.claim(self._redis)
        if found != self._known:
            if self._known is not None:
                self._make_again()
            self._known, self._marked = found, frozenset()
            self._since_s = asyncio.get_running_loop().time()
        await self._mark(found)
        server = await generation.server(self._redis)
        if self._server is not None and server != self._server:
            await self._verify()
        self._server = server

    def _make_again(self) -> None:
        """Make the views of all rooms again, those in use first."""
        _log.warning("views_lost", rooms=len(self._rooms))
        for room in sorted(self._rooms, key=lambda room: -room.touched_s):
            self._writer.abandon(room)

    async def _mark(self, found: str) -> None:
        """Mark the shards that are made; before, cursors come back from Kafka, for members only, so views come first.

        One room that cannot be made must not hide all others for ever, so patience ends.
        """
        owned = self._owned()
        patient = asyncio.get_running_loop().time() - self._since_s < _PATIENCE_S
        made = self._made() if patient else owned
        if due := (owned - self._marked) & made:
            marks = await self._redis.run("HGETALL", VIEW_SHARDS)
            await self._cursors.restore([shard for shard in due if marks.get(str(shard)) != found])
            await generation.mark(self._redis, due, found)
            _log.info("views_made", shards=len(due))
        self._marked = (self._marked | due) & owned

    async def _verify(self) -> None:
        """Redis was started anew: it may have lost its last second (`appendfsync everysec`)."""
        since_s = asyncio.get_running_loop().time() - _RECENT_S
        await self._writer.verify([room for room in self._rooms if room.head is not None and room.touched_s > since_s])
