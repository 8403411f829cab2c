"""Writes the positions of the shards to Redis, after the effect: what somebody may wait for at once, the rest soon."""

import asyncio
import contextlib
from collections.abc import Mapping

from kaftalk_delivery.flights import Positions
from kaftalk_protocol.ids import RoomId
from kaftalk_runtime.redis_client import Arg, Redis, RedisError, Script, ScriptCall

_URGENT_EVERY_S = 0.02
_LAZY_S = 0.2
_FIELDS_A_CALL = 500

_RAISE = Script("""
for i = 1, #ARGV, 2 do
  local before = redis.call('HGET', KEYS[1], ARGV[i])
  if not before or tonumber(before) < tonumber(ARGV[i + 1]) then redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
""")


class PositionWriter:
    """Raises what is in Redis to what has passed; two owners in a rebalance cannot lower it."""

    def __init__(self, positions: Positions, redis: Redis) -> None:
        self._positions = positions
        self._redis = redis
        self._urgent = asyncio.Event()

    def wake(self) -> None:
        """Say that something has passed."""
        if self._positions.urgent:
            self._urgent.set()

    async def run(self) -> None:
        """Write what has passed, for ever: every 200 ms, or within 20 ms where somebody may wait for it."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAZY_S):
                    await self._urgent.wait()
            self._urgent.clear()
            if self._positions and await self.flush():
                await asyncio.sleep(_URGENT_EVERY_S)
            elif self._positions:
                await asyncio.sleep(_LAZY_S)

    async def flush(self) -> bool:
        """Write what has passed now; False if Redis could not take it, which then waits."""
        taken = self._positions.take()
        try:
            await self._redis.many([call for key, rooms in taken.items() for call in _calls(key, rooms)])
        except RedisError:
            self._positions.put_back(taken)
            return False
        return True


def _calls(key: str, rooms: Mapping[RoomId, int]) -> list[ScriptCall]:
    flat: list[Arg] = [part for room, seq in rooms.items() for part in (room, seq)]
    size = 2 * _FIELDS_A_CALL
    return [_RAISE.call([key], flat[at : at + size]) for at in range(0, len(flat), size)]
