"""Limits that all gateways share: sends of a user and of a room.

Each gateway decides at once by its own copy and settles with Redis ten times a second, so a send costs no round
trip; between two settlements gateways may together let through a tenth of a second too much. While Redis is away
the copy alone decides.
"""

import asyncio
from collections.abc import Callable

from kaftalk_gateway.rates import Bucket, Rate
from kaftalk_protocol import redis_keys
from kaftalk_protocol.ids import RoomId, UserId
from kaftalk_runtime.redis_client import Redis, RedisError, RedisRefused, Script

_EVERY_S = 0.1
_SUBJECTS_MAX = 100_000

# The same arithmetic as rates.Bucket.spend, in milliseconds; the key goes when nothing is left of it.
_SETTLE = Script("""
local arrival = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), tonumber(ARGV[1])) + tonumber(ARGV[2])
redis.call('SET', KEYS[1], string.format('%.0f', arrival), 'PX', math.ceil(arrival - tonumber(ARGV[1])) + 1000)
return string.format('%.0f', arrival)
""")


class _Shared:
    """The copy of one limit, and what was spent since the last settlement."""

    __slots__ = ("bucket", "rate", "unsettled")

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self.bucket = Bucket()
        self.unsettled = 0


class SharedLimits:
    """Limits the sends of users and rooms over all gateways."""

    def __init__(self, redis: Redis, user: Rate, room: Rate, now_ms: Callable[[], int]) -> None:
        self._redis = redis
        self._user = user
        self._room = room
        self._now_ms = now_ms
        self._subjects: dict[str, _Shared] = {}
        self._spent: set[str] = set()

    def take(self, user: UserId, room: RoomId, now: float) -> int:
        """Take one send: 0, or the milliseconds (rounded up) after which it may be tried again."""
        subjects = {
            redis_keys.limit("user-sends", user): self._user,
            redis_keys.limit("room-sends", room): self._room,
        }
        shared = {key: self._of(key, rate, now) for key, rate in subjects.items()}
        wait_ms = max(one.bucket.wait_ms(one.rate, now) for one in shared.values())
        if wait_ms:
            return wait_ms
        for key, one in shared.items():
            one.bucket.spend(one.rate, now, 1)
            one.unsettled += 1
            self._spent.add(key)
        return 0

    async def settle_forever(self) -> None:
        """Settle with Redis what was spent."""
        while True:
            await asyncio.sleep(_EVERY_S)
            if self._spent:
                await self._settle()

    async def _settle(self) -> None:
        keys, self._spent = list(self._spent), set()
        now, now_ms = asyncio.get_running_loop().time(), self._now_ms()
        due = [(key, self._subjects[key]) for key in keys if key in self._subjects]
        spent = [one.unsettled for _, one in due]
        calls = [
            _SETTLE.call([key], [now_ms, round(count * 1000 / one.rate.per_s)])
            for (key, one), count in zip(due, spent, strict=True)
        ]
        for _, one in due:
            one.unsettled = 0
        try:
            replies = await self._redis.many(calls)
        except RedisError:
            # What was spent stays in the copy; Redis forgets such things anyway.
            return
        for (_, one), reply in zip(due, replies, strict=True):
            if not isinstance(reply, RedisRefused):
                theirs = now + (int(reply) - now_ms) / 1000 + one.unsettled / one.rate.per_s
                one.bucket.arrival = max(one.bucket.arrival, theirs)

    def _of(self, key: str, rate: Rate, now: float) -> _Shared:
        shared = self._subjects.get(key)
        if shared is None:
            if len(self._subjects) >= _SUBJECTS_MAX:
                self._subjects = {k: s for k, s in self._subjects.items() if not s.bucket.is_full(now)}
            shared = self._subjects[key] = _Shared(rate)
        return shared
