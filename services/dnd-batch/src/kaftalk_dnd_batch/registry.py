"""Who owns whom, as Redis has it: a hint for those who ask, the log decides."""

import asyncio
from collections.abc import Callable, Mapping

from kaftalk_protocol.redis_keys import DND_BATCHES, DND_OWNERS
from kaftalk_roomlog.shards import shard_of
from kaftalk_runtime import metrics
from kaftalk_runtime.clock import Clock
from kaftalk_runtime.redis_client import Command, Redis, RedisError

EVERY_S = 2.0
DEAD_AFTER_MS = 10_000

_shards = metrics.gauge("kaftalk_dnd_batch_shards", "Shards that there are")


class Registry:
    """The `entry` of this instance (`<instance>|<internal url>`) and of its shards, and a look at those of others."""

    def __init__(
        self, redis: Redis, clock: Clock, *, entry: str, shards: int, owned: Callable[[], Mapping[int, int]]
    ) -> None:
        self._redis = redis
        self._clock = clock
        self._entry = entry
        self._shards = shards
        _shards.set(shards)
        self._owned = owned
        self._wake = asyncio.Event()

    async def owner_of(self, key: str) -> str | None:
        """Give the internal address of who owns the shard of a user or of `org`, if it lives and is not this instance.

        Raises RedisAway.
        """
        since_ms = self._clock.now_ms() - DEAD_AFTER_MS
        entry, living = await self._redis.many(
            [("HGET", DND_OWNERS, shard_of(key, self._shards)), ("ZRANGEBYSCORE", DND_BATCHES, since_ms, "+inf")]
        )
        if not entry or not isinstance(living, list):
            return None
        owner, _, _fence = entry.rpartition("|")
        return owner.partition("|")[2] if owner in living and owner != self._entry else None

    def changed(self) -> None:
        """Write what is owned now at once."""
        self._wake.set()

    async def run(self) -> None:
        """Refresh what is ours every 2 s and clear the dead, for ever; sooner again while Redis is away."""
        while True:
            try:
                await self._write()
                wait_s = EVERY_S
            except RedisError:
                wait_s = EVERY_S / 4
            try:
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
                self._wake.clear()
            except TimeoutError:
                continue

    async def end(self) -> None:
        """Take the entry away: this instance goes."""
        try:
            await self._redis.run("ZREM", DND_BATCHES, self._entry)
        except RedisError:
            return

    async def _write(self) -> None:
        now_ms = self._clock.now_ms()
        commands: list[Command] = [
            ("ZADD", DND_BATCHES, now_ms, self._entry),
            ("ZREMRANGEBYSCORE", DND_BATCHES, "-inf", now_ms - DEAD_AFTER_MS),
        ]
        owned = [part for shard, fence in self._owned().items() for part in (str(shard), f"{self._entry}|{fence}")]
        if owned:
            commands.append(("HSET", DND_OWNERS, *owned))
        await self._redis.many(commands)
