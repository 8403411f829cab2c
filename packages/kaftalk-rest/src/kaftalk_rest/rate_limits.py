"""Rate limits shared by all instances: counters in Redis, by the generic cell rate algorithm."""

from dataclasses import dataclass

from kaftalk_protocol import redis_keys
from kaftalk_protocol.errors import Code, Refused
from kaftalk_runtime.clock import Clock
from kaftalk_runtime.redis_client import Redis, Script

# The key holds the theoretical arrival time (ms). Answers how long to wait (0: let through and counted).
_TAKE = Script("""
local now, step, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local due = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local wait = due + step - now - burst
if wait > 0 then return math.ceil(wait) end
redis.call('SET', KEYS[1], string.format('%.0f', due + step), 'PX', math.ceil(due + step - now) + 1000)
return 0
""")
_GIVE_BACK = Script("""
local due = tonumber(redis.call('GET', KEYS[1]) or '0') - tonumber(ARGV[1])
if due > 0 then redis.call('SET', KEYS[1], string.format('%.0f', due), 'KEEPTTL') end
""")


@dataclass(frozen=True, slots=True)
class Limit:
    """`count` times in `per_ms`, all of them at once if need be."""

    kind: str
    count: int
    per_ms: int

    @property
    def step_ms(self) -> float:
        """How much time one takes."""
        return self.per_ms / self.count


def per_second(kind: str, count: int) -> Limit:
    """Give a limit of so many a second, those of two seconds at once if need be; gateways count on the same keys."""
    return Limit(kind, 2 * count, 2_000)


class RateLimits:
    """Counts what somebody does, and refuses what is too much."""

    def __init__(self, redis: Redis, clock: Clock) -> None:
        self._redis = redis
        self._clock = clock

    async def take(self, limit: Limit, subject: str) -> None:
        """Count one.

        Raises Refused(rate_limited) with the time to wait, RedisAway.
        """
        args = (self._clock.now_ms(), limit.step_ms, limit.per_ms)
        wait_ms = await self._redis.eval(_TAKE, [redis_keys.limit(limit.kind, subject)], args)
        if wait_ms > 0:
            raise Refused(Code.RATE_LIMITED, "too often", retry_after_ms=wait_ms)

    async def give_back(self, limit: Limit, subject: str) -> None:
        """Take back one that was counted, since it turned out not to count.

        Raises RedisAway.
        """
        await self._redis.eval(_GIVE_BACK, [redis_keys.limit(limit.kind, subject)], [limit.step_ms])
