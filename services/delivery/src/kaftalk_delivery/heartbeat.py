"""Says in Redis that this instance lives and where its links are opened."""

import asyncio

from kaftalk_protocol.redis_keys import DELIVERIES
from kaftalk_runtime.clock import Clock
from kaftalk_runtime.redis_client import Redis, RedisError

EVERY_S = 2.0
DEAD_AFTER_MS = 10_000


class Heartbeat:
    """The entry of this instance in the sorted set of deliveries."""

    def __init__(self, redis: Redis, clock: Clock, instance: str, url: str) -> None:
        self._redis = redis
        self._clock = clock
        self._entry = f"{instance}|{url}"

    async def run(self) -> None:
        """Refresh the entry every 2 s and clear those of the dead, for ever; sooner again while Redis is away."""
        while True:
            now_ms = self._clock.now_ms()
            try:
                await self._redis.many(
                    [
                        ("ZADD", DELIVERIES, now_ms, self._entry),
                        ("ZREMRANGEBYSCORE", DELIVERIES, "-inf", now_ms - DEAD_AFTER_MS),
                    ]
                )
            except RedisError:
                await asyncio.sleep(EVERY_S / 4)
            else:
                await asyncio.sleep(EVERY_S)

    async def end(self) -> None:
        """Take the entry away: this instance goes."""
        try:
            await self._redis.run("ZREM", DELIVERIES, self._entry)
        except RedisError:
            return
