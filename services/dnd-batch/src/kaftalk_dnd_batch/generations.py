"""Notices that Redis lost the views, and writes all states again."""

import asyncio

from kaftalk_dnd_batch.book import Book
from kaftalk_dnd_batch.owned_users import OwnedUsers
from kaftalk_dnd_batch.states import States
from kaftalk_protocol.quiet_records import ORG_KEY
from kaftalk_protocol.redis_keys import VIEW_QUIET, VIEW_QUIET_SHARDS
from kaftalk_roomlog.shards import shard_of
from kaftalk_runtime.logs import get_logger
from kaftalk_runtime.redis_client import Redis, RedisError
from kaftalk_views import generation

EVERY_S = 0.5
A_ROUND = 500

_log = get_logger(__name__)


class Generations:
    """Reads `view:generation` twice a second: gone or changed means that the states of our users are written again.

    A shard is marked when all of it is written, and the view as a whole when all shards are: before, a user without a
    key proves nothing.
    """

    def __init__(self, redis: Redis, owned: OwnedUsers, book: Book, states: States, *, shards: int) -> None:
        self._redis = redis
        self._owned = owned
        self._book = book
        self._states = states
        self._shards = shards
        self._known: str | None = None
        self._server: str | None = None
        self._marked: set[int] = set()

    def again(self, shard: int) -> None:
        """Write a shard's states again: it was another owner's until now."""
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
        if (found, server) != (self._known, self._server):
            # A Redis that was started anew may have lost its last second.
            self._known, self._server, self._marked = found, server, set()
        due = self._owned.shards - self._marked
        if due:
            self._marked |= due
            try:
                await self._write(due)
            except BaseException:
                self._marked -= due
                raise
            fields = [part for shard in due & self._marked for part in (str(shard), found)]
            if fields:
                await self._redis.run("HSET", VIEW_QUIET_SHARDS, *fields)
            _log.info("states_written", shards=len(due))
        await self._mark_whole(found)

    async def _write(self, shards: frozenset[int]) -> None:
        if shard_of(ORG_KEY, self._shards) in shards:
            self._states.put_org(urgent_allowed=self._book.org.org.urgent_allowed)
        users = [user for shard in shards for user in self._owned.of_shard(shard)]
        for start in range(0, len(users), A_ROUND):
            told = {user.id: self._book.told(user) for user in users[start : start + A_ROUND] if user.owned}
            await asyncio.shield(self._states.put(told))

    async def _mark_whole(self, found: str) -> None:
        whole, made = await self._redis.many([("GET", VIEW_QUIET), ("HGETALL", VIEW_QUIET_SHARDS)])
        if whole != found and generation.is_complete(found, made, shards=self._shards):
            await self._redis.run("SET", VIEW_QUIET, found)
