"""Notices that Redis lost the views, and writes those of all our media again."""

import asyncio

from kaftalk_media.entries import Entry
from kaftalk_media.owner import Owner
from kaftalk_media.steps import Views
from kaftalk_protocol.redis_keys import VIEW_MEDIA, VIEW_MEDIA_SHARDS
from kaftalk_runtime.logs import get_logger
from kaftalk_runtime.redis_client import Redis, RedisError
from kaftalk_views import generation

EVERY_S = 0.5
AT_ONCE = 32

_log = get_logger(__name__)


class Generations:
    """Reads `view:generation` twice a second: gone or changed means that the views of our shards are written again.

    A shard is marked when all of it is written, and the view as a whole when all shards are: before, a media object
    without a key proves nothing.
    """

    def __init__(self, redis: Redis, views: Views, *, shards: int) -> None:
        self._redis = redis
        self._views = views
        self._shards = shards
        self._known: str | None = None
        self._server: str | None = None
        self._marked: set[int] = set()

    def wire(self, owner: Owner) -> None:
        """Say whose media they are."""
        self._owner = owner

    def again(self, shard: int) -> None:
        """Write a shard's views again: it was another owner's until now."""
        self._marked.discard(shard)

    async def run(self) -> None:
        """Watch, for ever."""
        while True:
            try:
                await self._look()
            except RedisError as error:
                _log.info("generation_not_read", error=repr(error))
            await asyncio.sleep(EVERY_S)

    async def _look(self) -> None:
        found = await generation.current(self._redis) or await generation.claim(self._redis)
        server = await generation.server(self._redis)
        if self._server is not None and server != self._server:
            # A Redis that was started anew may have lost its last second: what is missing proves nothing now.
            ours = map(str, sorted(self._owner.ready))
            await self._redis.many([("DEL", VIEW_MEDIA), ("HDEL", VIEW_MEDIA_SHARDS, "", *ours)])
        if (found, server) != (self._known, self._server):
            self._known, self._server, self._marked = found, server, set()
        self._marked &= self._owner.ready
        for shard in self._owner.ready - self._marked:
            self._marked.add(shard)
            try:
                await self._write(self._owner.entries.of_shard(shard))
            except BaseException:
                self._marked.discard(shard)
                raise
            if shard in self._marked and shard in self._owner.ready:
                await self._redis.run("HSET", VIEW_MEDIA_SHARDS, str(shard), found)
        await self._mark_whole(found)

    async def _write(self, entries: list[Entry]) -> None:
        gate = asyncio.Semaphore(AT_ONCE)

        async def write(entry: Entry) -> None:
            async with gate:
                if entry.owned and entry.state is not None:
                    await self._views.put(entry.view)

        if entries:
            await asyncio.gather(*map(write, entries))
            _log.info("views_written", media=len(entries))

    async def _mark_whole(self, found: str) -> None:
        whole, made = await self._redis.many([("GET", VIEW_MEDIA), ("HGETALL", VIEW_MEDIA_SHARDS)])
        if whole != found and generation.is_complete(found, made, shards=self._shards):
            await self._redis.run("SET", VIEW_MEDIA, found)
