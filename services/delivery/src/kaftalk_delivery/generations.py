"""Notices that Redis lost the views, and has them made again."""

import asyncio
from collections.abc import Callable

from kaftalk_delivery.adoption import Adoption
from kaftalk_delivery.cursor_writer import CursorWriter
from kaftalk_delivery.owned_rooms import OwnedRooms
from kaftalk_delivery.view_writer import ViewWriter
from kaftalk_roomlog.errors import RoomLogError
from kaftalk_runtime.logs import get_logger
from kaftalk_runtime.redis_client import Redis, RedisError
from kaftalk_views import generation

_EVERY_S = 1.0
_RECENT_S = 120.0
_REBUILD_S = 60.0
_PENDING_POLL_S = 0.1

_log = get_logger(__name__)


class Generations:
    """Reads `view:generation` every second: gone or changed means that all views of our rooms are to be made again."""

    def __init__(
        self,
        redis: Redis,
        rooms: OwnedRooms,
        adoption: Adoption,
        writer: ViewWriter,
        cursors: CursorWriter,
        owned: Callable[[], frozenset[int]],
    ) -> None:
        self._redis = redis
        self._rooms = rooms
        self._adoption = adoption
        self._writer = writer
        self._cursors = cursors
        self._owned = owned
        self._known: str | None = None
        self._server: str | None = None

    async def run(self) -> None:
        """Watch, for ever."""
        while True:
            try:
                await self._look()
            except (RedisError, RoomLogError) as error:
                _log.info("generation_not_read", error=repr(error))
            await asyncio.sleep(_EVERY_S)

    async def _look(self) -> None:
        found = await generation.current(self._redis)
        if found is None:
            found = await generation.claim(self._redis)
        if self._known is not None and found != self._known:
            await self._rebuild()
        self._known = found
        server = _run_id(await self._redis.run("INFO", "server"))
        if self._server is not None and server != self._server:
            await self._verify()
        self._server = server

    async def _rebuild(self) -> None:
        """Make the views of all rooms again, those in use first; cursors come back from Kafka."""
        _log.warning("views_lost", rooms=len(self._rooms))
        for room in sorted(self._rooms, key=lambda room: -room.touched_s):
            self._writer.forget(room)
            self._adoption.want(room)
        await self._views_made()
        for shard in self._owned():
            await self._cursors.restore(shard)

    async def _views_made(self) -> None:
        """Cursors come back for members only, so the views come first."""
        try:
            async with asyncio.timeout(_REBUILD_S):
                while self._adoption.pending:  # noqa: ASYNC110 - rooms come and go meanwhile
                    await asyncio.sleep(_PENDING_POLL_S)
        except TimeoutError:
            _log.warning("views_not_all_rebuilt", missing=self._adoption.pending)

    async def _verify(self) -> None:
        """Redis was started anew: it may have lost its last second (`appendfsync everysec`)."""
        since_s = asyncio.get_running_loop().time() - _RECENT_S
        await self._writer.verify([room for room in self._rooms if room.head is not None and room.touched_s > since_s])


def _run_id(info: str) -> str:
    return next((line for line in info.splitlines() if line.startswith("run_id:")), "")
